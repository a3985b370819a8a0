resource "aws_sns_topic" "alarms" {
  count = var.create_alarm_topic ? 1 : 0
  name  = "${var.name}-alarms"
  tags  = var.tags
}

locals {
  alarm_actions = concat(aws_sns_topic.alarms[*].arn, var.alarm_actions)
}

resource "aws_cloudwatch_metric_alarm" "oldest" {
  count               = var.create_alarms ? 1 : 0
  alarm_name          = "${var.name}-oldest-message"
  alarm_description   = "An upload has waited for ${var.alarm_oldest_seconds} s: there are too few daemons, or they make no progress."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.work.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarm_oldest_seconds
  treat_missing_data  = "notBreaching" # a queue without activity for six hours reports no data
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  count               = var.create_alarms ? 1 : 0
  alarm_name          = "${var.name}-dead-jobs"
  alarm_description   = "A job is dead. `mediad dead` shows which one and why."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

# CloudWatch has no metric of heartbeats, which are writes to S3. But every daemon, busy or not, sweeps the in-progress queue
# every few seconds, and SQS counts empty responses too. So the condition is: jobs wait or run, and nobody has polled either
# queue. A queue that is not polled reports no responses; SUM of a list ignores missing metrics as long as one has data (`* 0`).
# FILL would turn the latest minutes, whose data has not arrived yet, into 0, and the alarm would be unreliable.
locals {
  silence_metrics = {
    waiting        = { queue = aws_sqs_queue.work.name, name = "ApproximateNumberOfMessagesVisible", stat = "Maximum" }
    hidden         = { queue = aws_sqs_queue.in_progress.name, name = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum" }
    due            = { queue = aws_sqs_queue.in_progress.name, name = "ApproximateNumberOfMessagesVisible", stat = "Maximum" }
    work_empty     = { queue = aws_sqs_queue.work.name, name = "NumberOfEmptyReceives", stat = "Sum" }
    work_received  = { queue = aws_sqs_queue.work.name, name = "NumberOfMessagesReceived", stat = "Sum" }
    sweep_empty    = { queue = aws_sqs_queue.in_progress.name, name = "NumberOfEmptyReceives", stat = "Sum" }
    sweep_received = { queue = aws_sqs_queue.in_progress.name, name = "NumberOfMessagesReceived", stat = "Sum" }
  }
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  count               = var.create_alarms ? 1 : 0
  alarm_name          = "${var.name}-silent-daemons"
  alarm_description   = "Jobs have waited for ${var.alarm_silence_minutes} min, and no daemon has polled the queues: none is running."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = var.alarm_silence_minutes + 5 # data of the latest minutes can be late
  datapoints_to_alarm = var.alarm_silence_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags

  metric_query {
    id          = "silent"
    label       = "Jobs without a daemon"
    expression  = "IF(SUM([waiting * 0, due * 0, work_empty, work_received, sweep_empty, sweep_received]) == 0, SUM([waiting, due, hidden]), 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.silence_metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value.name
        dimensions  = { QueueName = metric_query.value.queue }
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }
}
