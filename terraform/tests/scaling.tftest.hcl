mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  env               = { MEDIAD_BUCKET = "my-media" }
  queues            = { work = { name = "mediad-work" }, in_progress = { name = "mediad-in-progress" } }
  daemon_policy_arn = "arn:aws:iam::123456789012:policy/mediad-daemon"
  package           = "mediad@0.1.0"
  config            = "export default defineConfig({})"
  image             = "registry.example.com/mediad:0.1.0"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1"]
}

run "backlog" {
  module {
    source = "./modules/backlog"
  }

  assert {
    condition = jsonencode({ for id, metric in output.metrics : id => [metric.namespace, metric.name, metric.dimensions, metric.stat] }) == jsonencode({
      running_delayed = ["AWS/SQS", "ApproximateNumberOfMessagesDelayed", { QueueName = "mediad-in-progress" }, "Maximum"]
      running_hidden  = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "mediad-in-progress" }, "Maximum"]
      running_visible = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-in-progress" }, "Maximum"]
      work_delayed    = ["AWS/SQS", "ApproximateNumberOfMessagesDelayed", { QueueName = "mediad-work" }, "Maximum"]
      work_hidden     = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "mediad-work" }, "Maximum"]
      work_visible    = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-work" }, "Maximum"]
    })
    error_message = "all messages of both queues: waiting, hidden, delayed"
  }

  assert {
    condition     = output.expression == "SUM([FILL(running_delayed, 0), FILL(running_hidden, 0), FILL(running_visible, 0), FILL(work_delayed, 0), FILL(work_hidden, 0), FILL(work_visible, 0)])"
    error_message = "added up; what is not reported is 0"
  }
}

run "fleet_tracks_jobs_per_instance" {
  variables {
    jobs_per_instance = 3
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = aws_autoscaling_policy.track.policy_type == "TargetTrackingScaling" && one(aws_autoscaling_policy.track.target_tracking_configuration).target_value == 3
    error_message = "the target is jobs_per_instance"
  }

  assert {
    condition     = one(aws_autoscaling_policy.track.target_tracking_configuration).disable_scale_in == true
    error_message = "a busy fleet does not shrink unless asked to"
  }

  assert {
    condition     = jsonencode([for metric in one(one(aws_autoscaling_policy.track.target_tracking_configuration).customized_metric_specification).metrics : metric.id if metric.return_data == true]) == jsonencode(["jobs_per_instance"])
    error_message = "exactly one expression returns data"
  }

  assert {
    condition     = one([for metric in one(one(aws_autoscaling_policy.track.target_tracking_configuration).customized_metric_specification).metrics : metric.expression if metric.id == "jobs_per_instance"]) == "${module.backlog.expression} / IF(running > 0, running, 1)"
    error_message = "all jobs, per instance that is in service, never divided by zero"
  }

  assert {
    condition = jsonencode({ for metric in one(one(aws_autoscaling_policy.track.target_tracking_configuration).customized_metric_specification).metrics : metric.id => [
      one(one(metric.metric_stat).metric).namespace, one(one(metric.metric_stat).metric).metric_name,
      [for dimension in one(one(metric.metric_stat).metric).dimensions : [dimension.name, dimension.value]],
      one(metric.metric_stat).period,
      ] if length(metric.metric_stat) > 0 }) == jsonencode({
      running         = ["AWS/AutoScaling", "GroupInServiceInstances", [["AutoScalingGroupName", "mediad-daemons"]], 60]
      running_delayed = ["AWS/SQS", "ApproximateNumberOfMessagesDelayed", [["QueueName", "mediad-in-progress"]], 60]
      running_hidden  = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", [["QueueName", "mediad-in-progress"]], 60]
      running_visible = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", [["QueueName", "mediad-in-progress"]], 60]
      work_delayed    = ["AWS/SQS", "ApproximateNumberOfMessagesDelayed", [["QueueName", "mediad-work"]], 60]
      work_hidden     = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", [["QueueName", "mediad-work"]], 60]
      work_visible    = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", [["QueueName", "mediad-work"]], 60]
    })
    error_message = "namespaces, names and dimensions are CloudWatch's"
  }
}

run "fleet_wakes_and_rests" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode([for policy in [aws_autoscaling_policy.wake[0], aws_autoscaling_policy.idle] : [
      policy.policy_type, policy.adjustment_type, one(policy.step_adjustment).scaling_adjustment, one(policy.step_adjustment).metric_interval_lower_bound,
    ]]) == jsonencode([["StepScaling", "ChangeInCapacity", 1, "0"], ["StepScaling", "ExactCapacity", 0, "0"]])
    error_message = "one instance more from zero; back to min_size when idle"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => [
      tolist(alarm.alarm_actions), alarm.comparison_operator, alarm.threshold, alarm.evaluation_periods, alarm.treat_missing_data,
      [for query in alarm.metric_query : query.expression if query.return_data == true],
      ] }) == jsonencode({
      idle = [[aws_autoscaling_policy.idle.arn], "GreaterThanOrEqualToThreshold", 1, 10, "notBreaching", ["IF(wanted > 0 AND ${module.backlog.expression} == 0, 1, 0)"]]
      wake = [[aws_autoscaling_policy.wake[0].arn], "GreaterThanOrEqualToThreshold", 1, 1, "notBreaching", ["IF(SUM([work_visible * 0, FILL(wanted, REPEAT)]) < 1 AND work_visible > 0, 1, 0)"]]
    })
    error_message = "each alarm has its condition and pulls its policy"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => { for query in alarm.metric_query : query.id => [
      one(query.metric).namespace, one(query.metric).metric_name, one(query.metric).dimensions, one(query.metric).period,
      ] if length(query.metric) > 0 } }) == jsonencode({
      idle = merge(
        { for id, metric in module.backlog.metrics : id => [metric.namespace, metric.name, metric.dimensions, 60] },
        { wanted = ["AWS/AutoScaling", "GroupDesiredCapacity", { AutoScalingGroupName = "mediad-daemons" }, 60] },
      )
      wake = {
        wanted       = ["AWS/AutoScaling", "GroupDesiredCapacity", { AutoScalingGroupName = "mediad-daemons" }, 60]
        work_visible = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-work" }, 60]
      }
    })
    error_message = "idle looks at all jobs, wake at what waits, and both at how many instances are wanted"
  }
}

run "fleet_that_never_sleeps" {
  variables {
    min_size            = 2
    scale_in_while_busy = true
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = length(aws_autoscaling_policy.wake) == 0 && jsonencode(keys(aws_cloudwatch_metric_alarm.trigger)) == jsonencode(["idle"])
    error_message = "a fleet that is never empty need not wake"
  }

  assert {
    condition     = one(aws_autoscaling_policy.idle.step_adjustment).scaling_adjustment == 2
    error_message = "it rests at min_size"
  }

  assert {
    condition     = one(aws_autoscaling_policy.track.target_tracking_configuration).disable_scale_in == false
    error_message = "and shrinks while busy, when asked to"
  }
}

run "service_tracks_jobs_per_task" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = jsonencode([for metric in one(one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).customized_metric_specification).metrics : [metric.id, metric.expression] if metric.return_data == true]) == jsonencode([["jobs_per_task", "${module.backlog.expression} / IF(running > 0, running, 1)"]])
    error_message = "exactly one expression returns data: all jobs, per task"
  }

  assert {
    condition = jsonencode([for metric in one(one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).customized_metric_specification).metrics : [
      one(one(metric.metric_stat).metric).namespace, one(one(metric.metric_stat).metric).metric_name,
      [for dimension in one(one(metric.metric_stat).metric).dimensions : [dimension.name, dimension.value]],
    ] if metric.id == "running"]) == jsonencode([["ECS/ContainerInsights", "RunningTaskCount", [["ClusterName", "mediad"], ["ServiceName", "mediad-daemons"]]]])
    error_message = "tasks are those of the service"
  }

  assert {
    condition     = one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).target_value == 2 && one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).disable_scale_in == true
    error_message = "the target is jobs_per_task, and a busy service does not shrink"
  }
}

run "service_wakes_and_rests" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition = jsonencode({ for name, policy in aws_appautoscaling_policy.step : name => [
      one(policy.step_scaling_policy_configuration).adjustment_type, one(one(policy.step_scaling_policy_configuration).step_adjustment).scaling_adjustment,
    ] }) == jsonencode({ idle = ["ExactCapacity", 0], wake = ["ChangeInCapacity", 1] })
    error_message = "one task more from zero; back to min_tasks when idle"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => concat(tolist(alarm.alarm_actions), [for query in alarm.metric_query : query.expression if query.return_data == true]) }) == jsonencode({
      idle = ["arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:idle", "IF(wanted > 0 AND ${module.backlog.expression} == 0, 1, 0)"]
      wake = ["arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:wake", "IF(SUM([work_visible * 0, FILL(wanted, REPEAT)]) < 1 AND work_visible > 0, 1, 0)"]
    })
    error_message = "each alarm has its condition and pulls its policy"
  }

  assert {
    condition     = jsonencode([aws_appautoscaling_target.tasks.resource_id, aws_appautoscaling_target.tasks.scalable_dimension, aws_appautoscaling_target.tasks.min_capacity, aws_appautoscaling_target.tasks.max_capacity]) == jsonencode(["service/mediad/mediad-daemons", "ecs:service:DesiredCount", 0, 4])
    error_message = "what is scaled is the service"
  }
}
