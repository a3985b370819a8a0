mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  env               = { MEDIAD_BUCKET = "my-media" }
  queues            = { work = { name = "mediad-work" }, in_progress = { name = "mediad-in-progress" } }
  daemon_policy_arn = "arn:aws:iam::123456789012:policy/mediad-daemon"
  package           = "mediad@0.1.0"
  config            = "export default defineConfig({ shutdown: { metadataUrl } })"
  image             = "registry.example.com/mediad:0.1.0"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1"]
}

run "backlog" {
  variables {
    floor = 2
    workers = {
      running = { namespace = "Cars", name = "Driving", dimensions = { Town = "A" }, stat = "Average" }
      desired = { namespace = "Cars", name = "Ordered", dimensions = { Town = "A" }, stat = "Average" }
    }
  }

  module {
    source = "./modules/backlog"
  }

  assert {
    condition = jsonencode({ for id, metric in output.track.metrics : id => [metric.namespace, metric.name, metric.dimensions, metric.stat] }) == jsonencode({
      running         = ["Cars", "Driving", { Town = "A" }, "Average"]
      running_delayed = ["AWS/SQS", "ApproximateNumberOfMessagesDelayed", { QueueName = "mediad-in-progress" }, "Maximum"]
      running_hidden  = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "mediad-in-progress" }, "Maximum"]
      running_visible = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-in-progress" }, "Maximum"]
      work_delayed    = ["AWS/SQS", "ApproximateNumberOfMessagesDelayed", { QueueName = "mediad-work" }, "Maximum"]
      work_hidden     = ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", { QueueName = "mediad-work" }, "Maximum"]
      work_visible    = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "mediad-work" }, "Maximum"]
    })
    error_message = "the metrics are all messages of both queues: visible, hidden, delayed"
  }

  assert {
    condition = jsonencode([for math in [output.wake, output.idle] : [sort(keys(math.metrics)), math.metrics.desired.name]]) == jsonencode([
      [["desired", "running_visible", "work_visible"], "Ordered"],
      [["desired", "running_delayed", "running_hidden", "running_visible", "work_delayed", "work_hidden", "work_visible"], "Ordered"],
    ])
    error_message = "wake has the metrics of visible messages, idle those of all messages, and both that of desired workers"
  }

  assert {
    condition     = output.track.expression == "(work_visible + SUM([work_visible * 0, running_delayed, running_hidden, running_visible, work_delayed, work_hidden])) / IF(running > 0, running, 1)"
    error_message = "track is all jobs per worker, without a division by zero, and without a result when visible messages are missing"
  }

  assert {
    condition     = output.wake.expression == "IF(SUM([work_visible * 0, running_visible * 0, FILL(desired, REPEAT)]) < 1 AND SUM([work_visible, running_visible]) > 0, 1, 0)"
    error_message = "wake is 1 when a job waits and there is no worker"
  }

  assert {
    condition     = output.idle.expression == "IF(desired > 2 AND running_visible == 0 AND (work_visible + SUM([work_visible * 0, running_delayed, running_hidden, running_visible, work_delayed, work_hidden])) == 0, 1, 0)"
    error_message = "idle is 1 when both queues report no jobs and there are more workers than the floor"
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
    error_message = "by default, a busy fleet does not scale in"
  }

  assert {
    condition     = jsonencode([for metric in one(one(aws_autoscaling_policy.track.target_tracking_configuration).customized_metric_specification).metrics : metric.id if metric.return_data == true]) == jsonencode(["jobs_per_instance"])
    error_message = "exactly one expression returns data"
  }

  assert {
    condition     = one([for metric in one(one(aws_autoscaling_policy.track.target_tracking_configuration).customized_metric_specification).metrics : metric.expression if metric.id == "jobs_per_instance"]) == module.backlog.track.expression
    error_message = "the expression is all jobs per instance in service"
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
    error_message = "namespaces, names and dimensions are those of CloudWatch"
  }
}

run "fleet_wake_and_idle" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode([for policy in [aws_autoscaling_policy.wake[0], aws_autoscaling_policy.idle] : [
      policy.policy_type, policy.adjustment_type, one(policy.step_adjustment).scaling_adjustment, one(policy.step_adjustment).metric_interval_lower_bound,
    ]]) == jsonencode([["StepScaling", "ChangeInCapacity", 1, "0"], ["StepScaling", "ExactCapacity", 0, "0"]])
    error_message = "wake adds one instance, and idle sets min_size"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => [
      tolist(alarm.alarm_actions), alarm.comparison_operator, alarm.threshold, alarm.evaluation_periods, alarm.treat_missing_data,
      [for query in alarm.metric_query : query.expression if query.return_data == true],
      ] }) == jsonencode({
      idle = [[aws_autoscaling_policy.idle.arn], "GreaterThanOrEqualToThreshold", 1, 20, "notBreaching", [module.backlog.idle.expression]]
      wake = [[aws_autoscaling_policy.wake[0].arn], "GreaterThanOrEqualToThreshold", 1, 1, "notBreaching", [module.backlog.wake.expression]]
    })
    error_message = "each alarm has its expression and triggers its policy"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => { for query in alarm.metric_query : query.id => [
      one(query.metric).namespace, one(query.metric).metric_name, one(query.metric).dimensions, one(query.metric).period,
      ] if length(query.metric) > 0 } }) == jsonencode({
      for name, math in { idle = module.backlog.idle, wake = module.backlog.wake } :
      name => { for id, metric in math.metrics : id => [metric.namespace, metric.name, metric.dimensions, 60] }
    }) && module.backlog.idle.metrics.desired.name == "GroupDesiredCapacity"
    error_message = "each alarm has the metrics of its expression, and desired is the group's desired capacity"
  }
}

run "fleet_with_minimum" {
  variables {
    min_size            = 2
    scale_in_while_busy = true
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = length(aws_autoscaling_policy.wake) == 0 && jsonencode(keys(aws_cloudwatch_metric_alarm.trigger)) == jsonencode(["idle"])
    error_message = "a fleet with a minimum has no wake policy"
  }

  assert {
    condition     = one(aws_autoscaling_policy.idle.step_adjustment).scaling_adjustment == 2
    error_message = "idle sets min_size"
  }

  assert {
    condition     = strcontains(module.backlog.idle.expression, "desired > 2 ")
    error_message = "idle compares with min_size"
  }

  assert {
    condition     = one(aws_autoscaling_policy.track.target_tracking_configuration).disable_scale_in == false
    error_message = "scale_in_while_busy permits scale-in"
  }
}

run "service_tracks_jobs_per_task" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = jsonencode([for metric in one(one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).customized_metric_specification).metrics : [metric.id, metric.expression] if metric.return_data == true]) == jsonencode([["jobs_per_task", module.backlog.track.expression]])
    error_message = "exactly one expression returns data: all jobs, per task"
  }

  assert {
    condition = jsonencode([for metric in one(one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).customized_metric_specification).metrics : [
      one(one(metric.metric_stat).metric).namespace, one(one(metric.metric_stat).metric).metric_name,
      [for dimension in one(one(metric.metric_stat).metric).dimensions : [dimension.name, dimension.value]],
    ] if metric.id == "running"]) == jsonencode([["ECS/ContainerInsights", "RunningTaskCount", [["ClusterName", "mediad"], ["ServiceName", "mediad-daemons"]]]])
    error_message = "the metrics are those of the service's tasks"
  }

  assert {
    condition     = one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).target_value == 2 && one(aws_appautoscaling_policy.track.target_tracking_scaling_policy_configuration).disable_scale_in == true
    error_message = "the target is jobs_per_task, and a busy service does not scale in"
  }
}

run "service_wake_and_idle" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition = jsonencode({ for name, policy in aws_appautoscaling_policy.step : name => [
      one(policy.step_scaling_policy_configuration).adjustment_type, one(one(policy.step_scaling_policy_configuration).step_adjustment).scaling_adjustment,
      one(policy.step_scaling_policy_configuration).cooldown,
    ] }) == jsonencode({ idle = ["ExactCapacity", 0, 60], wake = ["ChangeInCapacity", 1, 300] })
    error_message = "wake adds one task, and no more before its metrics arrive; idle sets min_tasks"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => concat(tolist(alarm.alarm_actions), [for query in alarm.metric_query : query.expression if query.return_data == true]) }) == jsonencode({
      idle = ["arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:idle", module.backlog.idle.expression]
      wake = ["arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:wake", module.backlog.wake.expression]
    })
    error_message = "each alarm has its expression and triggers its policy"
  }

  assert {
    condition     = jsonencode([aws_appautoscaling_target.tasks.resource_id, aws_appautoscaling_target.tasks.scalable_dimension, aws_appautoscaling_target.tasks.min_capacity, aws_appautoscaling_target.tasks.max_capacity]) == jsonencode(["service/mediad/mediad-daemons", "ecs:service:DesiredCount", 0, 4])
    error_message = "the service is scaled"
  }

  assert {
    condition = jsonencode({ for name, alarm in aws_cloudwatch_metric_alarm.trigger : name => [alarm.evaluation_periods, [for query in alarm.metric_query : [
      one(query.metric).namespace, one(query.metric).metric_name, one(query.metric).dimensions, one(query.metric).period,
      ] if query.id == "desired"]] }) == jsonencode({ for name, minutes in { idle = 20, wake = 1 } : name => [
      minutes, [["ECS/ContainerInsights", "DesiredTaskCount", { ClusterName = "mediad", ServiceName = "mediad-daemons" }, 60]],
    ] })
    error_message = "desired is the service's desired count; wake needs one minute, and idle needs idle_minutes"
  }
}

run "service_with_minimum" {
  variables {
    min_tasks    = 2
    idle_minutes = 2
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = jsonencode(keys(aws_appautoscaling_policy.step)) == jsonencode(["idle"]) && strcontains(module.backlog.idle.expression, "desired > 2 ")
    error_message = "a service with a minimum has no wake policy, and idle sets min_tasks"
  }
}
