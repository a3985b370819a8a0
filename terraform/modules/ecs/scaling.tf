# Scales by the expressions of modules/backlog, which explains them.

module "backlog" {
  source = "../backlog"
  queues = var.queues
  floor  = var.min_tasks
  workers = {
    for id, metric in { running = "RunningTaskCount", desired = "DesiredTaskCount" } : id => {
      namespace                 = "ECS/ContainerInsights"
      name                      = metric
      dimensions                = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.daemons.name }
      stat                      = "Average"
    }
  }
}

resource "aws_appautoscaling_target" "tasks" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.daemons.name}"
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "track" {
  name               = "${var.name}-track"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.tasks.service_namespace
  scalable_dimension = aws_appautoscaling_target.tasks.scalable_dimension
  resource_id        = aws_appautoscaling_target.tasks.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.jobs_per_task
    disable_scale_in   = !var.scale_in_while_busy
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "jobs_per_task"
        label       = "Jobs per task"
        expression  = module.backlog.track.expression
        return_data = true
      }

      dynamic "metrics" {
        for_each = module.backlog.track.metrics

        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat = metrics.value.stat

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.name

              dynamic "dimensions" {
                for_each = metrics.value.dimensions

                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }
    }
  }
}

locals {
  steps = {
    wake = {
      description = "Jobs are waiting, and there is no task."
      math        = module.backlog.wake
      minutes     = 1
      adjustment  = { type = "ChangeInCapacity", by = 1 }
      # Container Insights reports no tasks for some minutes, until the first one runs. The cooldown prevents one more per minute.
      cooldown = 300
    }
    idle = {
      description = "There have been no jobs for ${var.idle_minutes} min, and there are more than ${var.min_tasks} tasks."
      math        = module.backlog.idle
      minutes     = var.idle_minutes
      adjustment  = { type = "ExactCapacity", by = var.min_tasks }
      cooldown    = 60
    }
  }
}

resource "aws_appautoscaling_policy" "step" {
  for_each           = { for name, step in local.steps : name => step if name != "wake" || var.min_tasks == 0 }
  name               = "${var.name}-${each.key}"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.tasks.service_namespace
  scalable_dimension = aws_appautoscaling_target.tasks.scalable_dimension
  resource_id        = aws_appautoscaling_target.tasks.resource_id

  step_scaling_policy_configuration {
    adjustment_type         = each.value.adjustment.type
    metric_aggregation_type = "Maximum"
    cooldown                = each.value.cooldown

    step_adjustment {
      metric_interval_lower_bound = "0"
      scaling_adjustment          = each.value.adjustment.by
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "trigger" {
  for_each            = aws_appautoscaling_policy.step
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = local.steps[each.key].description
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = local.steps[each.key].minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [each.value.arn]
  tags                = var.tags

  metric_query {
    id          = each.key
    label       = local.steps[each.key].description
    expression  = local.steps[each.key].math.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.steps[each.key].math.metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }
}
