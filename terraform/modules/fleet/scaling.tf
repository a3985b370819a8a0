# Scales by the expressions of modules/backlog, which explains them.

module "backlog" {
  source = "../backlog"
  queues = var.queues
  floor  = var.min_size
  workers = {
    for id, metric in { running = "GroupInServiceInstances", desired = "GroupDesiredCapacity" } : id => {
      namespace                 = "AWS/AutoScaling"
      name                      = metric
      dimensions                = { AutoScalingGroupName = aws_autoscaling_group.daemons.name }
      stat                      = "Average"
    }
  }
}

resource "aws_autoscaling_policy" "track" {
  name                   = "${var.name}-track"
  autoscaling_group_name = aws_autoscaling_group.daemons.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value     = var.jobs_per_instance
    disable_scale_in = !var.scale_in_while_busy

    customized_metric_specification {
      metrics {
        id          = "jobs_per_instance"
        label       = "Jobs per instance"
        expression  = module.backlog.track.expression
        return_data = true
      }

      dynamic "metrics" {
        for_each = module.backlog.track.metrics

        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat   = metrics.value.stat
            period = 60

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

resource "aws_autoscaling_policy" "wake" {
  count                     = var.min_size == 0 ? 1 : 0
  name                      = "${var.name}-wake"
  autoscaling_group_name    = aws_autoscaling_group.daemons.name
  policy_type               = "StepScaling"
  adjustment_type           = "ChangeInCapacity"
  estimated_instance_warmup = var.warmup_seconds

  step_adjustment {
    metric_interval_lower_bound = "0"
    scaling_adjustment          = 1
  }
}

resource "aws_autoscaling_policy" "idle" {
  name                      = "${var.name}-idle"
  autoscaling_group_name    = aws_autoscaling_group.daemons.name
  policy_type               = "StepScaling"
  adjustment_type           = "ExactCapacity"
  estimated_instance_warmup = var.warmup_seconds

  step_adjustment {
    metric_interval_lower_bound = "0"
    scaling_adjustment          = var.min_size
  }
}

locals {
  triggers = {
    wake = {
      description = "Jobs are waiting, and there is no instance."
      math        = module.backlog.wake
      minutes     = 1
      actions     = aws_autoscaling_policy.wake[*].arn
    }
    idle = {
      description = "There have been no jobs for ${var.idle_minutes} min, and there are more than ${var.min_size} instances."
      math        = module.backlog.idle
      minutes     = var.idle_minutes
      actions     = [aws_autoscaling_policy.idle.arn]
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "trigger" {
  for_each            = { for name, trigger in local.triggers : name => trigger if name != "wake" || var.min_size == 0 }
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = each.value.minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = each.value.actions
  tags                = var.tags

  metric_query {
    id          = each.key
    label       = each.value.description
    expression  = each.value.math.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.math.metrics

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
