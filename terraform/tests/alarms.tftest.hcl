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
    error_message = "work that waits too long"
  }
}

run "dead_jobs" {
  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.dead[0]] : [
      alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.comparison_operator, alarm.threshold, alarm.treat_missing_data,
      alarm.period, alarm.evaluation_periods,
    ]]) == jsonencode([["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-dead" }, "Maximum", "GreaterThanThreshold", 0, "notBreaching", 60, 1]])
    error_message = "a dead queue that is not empty"
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
      asked   = ["AWS/SQS", "NumberOfEmptyReceives", { QueueName = "mediad-work" }, "Sum", 60]
      due     = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-in-progress" }, "Maximum", 60]
      hidden  = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "mediad-in-progress" }, "Maximum", 60]
      looked  = ["AWS/SQS", "NumberOfMessagesReceived", { QueueName = "mediad-in-progress" }, "Sum", 60]
      swept   = ["AWS/SQS", "NumberOfEmptyReceives", { QueueName = "mediad-in-progress" }, "Sum", 60]
      taken   = ["AWS/SQS", "NumberOfMessagesReceived", { QueueName = "mediad-work" }, "Sum", 60]
      waiting = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-work" }, "Maximum", 60]
    })
    error_message = "what waits and runs, and who asks for it, of both queues"
  }

  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.silent[0].metric_query : query.expression if query.id == "silent"]) == "IF(SUM([waiting * 0, due * 0, asked, taken, swept, looked]) == 0, SUM([waiting, due, hidden]), 0)"
    error_message = "jobs, when nobody asks for any"
  }

  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.silent[0]] : [
      alarm.comparison_operator, alarm.threshold, alarm.datapoints_to_alarm, alarm.evaluation_periods, alarm.treat_missing_data,
    ]]) == jsonencode([["GreaterThanThreshold", 0, 15, 20, "notBreaching"]])
    error_message = "for a quarter of an hour, of which the latest minutes may be late"
  }
}

run "who_is_told" {
  variables {
    create_alarm_topic = true
    alarm_actions      = ["arn:aws:sns:eu-central-1:123456789012:on-call"]
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.oldest[0], aws_cloudwatch_metric_alarm.dead[0], aws_cloudwatch_metric_alarm.silent[0]] :
      jsonencode([sort(alarm.alarm_actions), sort(alarm.ok_actions)]) == jsonencode([for _ in [1, 2] : ["arn:aws:sns:eu-central-1:123456789012:mocked", "arn:aws:sns:eu-central-1:123456789012:on-call"]])
    ])
    error_message = "every alarm tells the topic and the given ARNs, both ways"
  }
}

run "nobody_is_told" {
  assert {
    condition     = length(aws_sns_topic.alarms) == 0 && output.alarm_topic_arn == null && length(coalesce(aws_cloudwatch_metric_alarm.dead[0].alarm_actions, [])) == 0
    error_message = "there is no topic unless asked for"
  }
}

run "no_alarms" {
  variables {
    create_alarms = false
  }

  assert {
    condition     = length(concat(aws_cloudwatch_metric_alarm.oldest, aws_cloudwatch_metric_alarm.dead, aws_cloudwatch_metric_alarm.silent)) == 0
    error_message = "alarms can be left out"
  }
}
