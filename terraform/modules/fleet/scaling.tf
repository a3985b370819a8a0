# Three policies, since none does it all:
#   track  from some to more: jobs per instance, kept near `jobs_per_instance`
#   wake   from zero to one: there is no "per instance" of no instance, and target tracking multiplies what is there
#   idle   back to min_size, when there has been no job for a while
# A queue on which nothing has happened for six hours is asleep to CloudWatch, and its metrics may then be up to 15 minutes late
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html). Daemons that
# poll keep it awake; a fleet of zero does not.

module "backlog" {
  source = "../backlog"
  queues = var.queues
}

locals {
  group = {
    running = {
      namespace  = "AWS/AutoScaling"
      name       = "GroupInServiceInstances"
      dimensions = { AutoScalingGroupName = aws_autoscaling_group.daemons.name }
      stat       = "Average"
    }
    wanted = {
      namespace  = "AWS/AutoScaling"
      name       = "GroupDesiredCapacity"
      dimensions = { AutoScalingGroupName = aws_autoscaling_group.daemons.name }
      stat       = "Average"
    }
  }
  tracked = merge(module.backlog.metrics, { running = local.group.running })
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
        expression  = "${module.backlog.expression} / IF(running > 0, running, 1)"
        return_data = true
      }

      dynamic "metrics" {
        for_each = local.tracked

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
    # whoever is at zero may not report it: what was never told is 0, what comes late is as before. The other metrics of the
    # backlog are 0 by then, and reported by nobody
    wake = {
      description = "Jobs wait, and there is no instance."
      expression  = "IF(SUM([work_visible * 0, FILL(wanted, REPEAT)]) < 1 AND work_visible > 0, 1, 0)"
      metrics     = { work_visible = module.backlog.metrics.work_visible, wanted = local.group.wanted }
      minutes     = 1
      actions     = aws_autoscaling_policy.wake[*].arn
    }
    idle = {
      description = "There has been no job for ${var.idle_minutes} min, and there are more instances than ${var.min_size}."
      expression  = "IF(wanted > ${var.min_size} AND ${module.backlog.expression} == 0, 1, 0)"
      metrics     = merge(module.backlog.metrics, { wanted = local.group.wanted })
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
    expression  = each.value.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

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
