mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "oldest_message" {
  variables {
    alarm_oldest_seconds = 600
  }

  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.oldest[0]] : [
      alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.comparison_operator, alarm.threshold, alarm.treat_missing_data,
      alarm.period, alarm.evaluation_periods,
    ]]) == jsonencode([["AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName = "mediad-work" }, "Maximum", "GreaterThanThreshold", 600, "notBreaching", 60, 3]])
    error_message = "an alarm for an upload that waits too long"
  }
}

run "dead_jobs" {
  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.dead[0]] : [
      alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.comparison_operator, alarm.threshold, alarm.treat_missing_data,
      alarm.period, alarm.evaluation_periods,
    ]]) == jsonencode([["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-dead" }, "Maximum", "GreaterThanThreshold", 0, "notBreaching", 60, 1]])
    error_message = "an alarm for a dead-letter queue that is not empty"
  }
}

run "silent_daemons" {
  assert {
    condition     = jsonencode([for query in aws_cloudwatch_metric_alarm.silent[0].metric_query : query.id if query.return_data == true]) == jsonencode(["silent"])
    error_message = "exactly one expression returns data"
  }

  assert {
    condition = jsonencode({ for query in aws_cloudwatch_metric_alarm.silent[0].metric_query : query.id => [
      one(query.metric).namespace, one(query.metric).metric_name, one(query.metric).dimensions, one(query.metric).stat, one(query.metric).period,
      ] if length(query.metric) > 0 }) == jsonencode({
      due            = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-in-progress" }, "Maximum", 60]
      hidden         = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "mediad-in-progress" }, "Maximum", 60]
      sweep_empty    = ["AWS/SQS", "NumberOfEmptyReceives", { QueueName = "mediad-in-progress" }, "Sum", 60]
      sweep_received = ["AWS/SQS", "NumberOfMessagesReceived", { QueueName = "mediad-in-progress" }, "Sum", 60]
      waiting        = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-work" }, "Maximum", 60]
      work_empty     = ["AWS/SQS", "NumberOfEmptyReceives", { QueueName = "mediad-work" }, "Sum", 60]
      work_received  = ["AWS/SQS", "NumberOfMessagesReceived", { QueueName = "mediad-work" }, "Sum", 60]
    })
    error_message = "the metrics are the messages and the receive requests of both queues"
  }

  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.silent[0].metric_query : query.expression if query.id == "silent"]) == "IF(SUM([waiting * 0, due * 0, work_empty, work_received, sweep_empty, sweep_received]) == 0, SUM([waiting, due, hidden]), 0)"
    error_message = "the expression is the number of jobs while nobody polls"
  }

  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.silent[0]] : [
      alarm.comparison_operator, alarm.threshold, alarm.datapoints_to_alarm, alarm.evaluation_periods, alarm.treat_missing_data,
    ]]) == jsonencode([["GreaterThanThreshold", 0, 15, 20, "notBreaching"]])
    error_message = "the alarm needs 15 of the last 20 minutes, because data of the latest ones can be late"
  }
}

run "alarm_actions" {
  variables {
    create_alarm_topic = true
    alarm_actions      = ["arn:aws:sns:eu-central-1:123456789012:on-call"]
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.oldest[0], aws_cloudwatch_metric_alarm.dead[0], aws_cloudwatch_metric_alarm.silent[0]] :
      jsonencode([sort(alarm.alarm_actions), sort(alarm.ok_actions)]) == jsonencode([for _ in [1, 2] : ["arn:aws:sns:eu-central-1:123456789012:mocked", "arn:aws:sns:eu-central-1:123456789012:on-call"]])
    ])
    error_message = "every alarm notifies the topic and the given ARNs when it starts and when it ends"
  }
}

run "no_alarm_actions" {
  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && output.alarm_topic_arn == null && length(coalesce(aws_cloudwatch_metric_alarm.dead[0].alarm_actions, [])) == 0
    error_message = "there is no topic by default"
  }
}

run "no_alarms" {
  variables {
    create_alarms = false
  }

  assert {
    condition     = length(concat(aws_cloudwatch_metric_alarm.oldest, aws_cloudwatch_metric_alarm.dead, aws_cloudwatch_metric_alarm.silent)) == 0
    error_message = "create_alarms = false creates no alarms"
  }
}
