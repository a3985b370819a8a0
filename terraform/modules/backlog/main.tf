# Metric math for the number of jobs, by which the number of workers (instances or tasks) is scaled.
#
# A job waits on the work queue (visible, hidden after it was postponed, or delayed after a failure). While it runs, its
# in-progress message is on the in-progress queue (delayed, hidden or due). The in-progress message of a finished job is counted
# until it is swept, for about half a minute.
#
# There are three expressions:
#   track  scales between one and the maximum: jobs per worker
#   wake   scales from zero to one: without a worker there are no jobs per worker, and target tracking multiplies the capacity
#   idle   scales down to the floor when there are no jobs
#
# An active queue always reports its visible messages, but hidden and delayed ones only when there are any
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html). A queue
# without activity for six hours is inactive, and its metrics can then be up to 15 minutes late
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html). A late metric must
# not count as 0: an expression with missing data has no result, and no scaling happens. So visible messages are never FILLed,
# which would turn the latest minutes into 0. SUM of a list ignores missing metrics as long as one has data (`* 0`).

variable "queues" {
  description = "Names of the two queues, from the root module's output `queues`."
  type = object({
    work        = object({ name = string })
    in_progress = object({ name = string })
  })
  nullable = false
}

variable "workers" {
  description = "Metrics for the number of workers: `running` and `desired`."
  type = map(object({
    namespace  = string
    name       = string
    dimensions = map(string)
    stat       = string
  }))
  nullable = false

  validation {
    condition     = toset(keys(var.workers)) == toset(["running", "desired"])
    error_message = "workers must have the metrics running and desired."
  }
}

variable "floor" {
  description = "Minimum number of workers."
  type        = number
  nullable    = false
}

locals {
  states = {
    visible = "ApproximateNumberOfMessagesVisible"
    hidden  = "ApproximateNumberOfMessagesNotVisible"
    delayed = "ApproximateNumberOfMessagesDelayed"
  }
  names = { work = var.queues.work.name, running = var.queues.in_progress.name }

  metrics = merge([for queue, name in local.names : {
    for state, metric in local.states : "${queue}_${state}" => {
      namespace  = "AWS/SQS"
      name       = metric
      dimensions = { QueueName = name }
      stat       = "Maximum"
    }
  }]...)

  others = join(", ", [for id in sort(keys(local.metrics)) : id if id != "work_visible"])
  jobs   = "(work_visible + SUM([work_visible * 0, ${local.others}]))"
  # At zero workers, the metric may be missing: FILL(…, REPEAT) keeps the last value, and a metric that was never reported counts
  # as 0. A due in-progress message, as after the death of a daemon, also waits for a worker.
  none = "SUM([work_visible * 0, running_visible * 0, FILL(desired, REPEAT)]) < 1"
  some = "SUM([work_visible, running_visible]) > 0"
}

output "track" {
  description = "Jobs per worker: the expression, and its metrics by id."
  value = {
    expression = "${local.jobs} / IF(running > 0, running, 1)"
    metrics    = merge(local.metrics, { running = var.workers.running })
  }
}

output "wake" {
  description = "1 when a job waits and there is no worker, else 0: the expression, and its metrics by id."
  value = {
    expression = "IF(${local.none} AND ${local.some}, 1, 0)"
    metrics = {
      work_visible    = local.metrics.work_visible
      running_visible = local.metrics.running_visible
      desired         = var.workers.desired
    }
  }
}

output "idle" {
  description = "1 when both queues report no jobs and there are more workers than the floor, else 0: the expression, and its metrics by id."
  value = {
    expression = "IF(desired > ${var.floor} AND running_visible == 0 AND ${local.jobs} == 0, 1, 0)"
    metrics    = merge(local.metrics, { desired = var.workers.desired })
  }
}
