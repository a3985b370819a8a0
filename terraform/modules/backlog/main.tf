# How many jobs there are, as CloudWatch sees them, and by what that scales those who do them ("workers": instances or tasks).
#
# A job waits on the work queue (visible; hidden, when it was postponed; delayed, after a failure) and lives on the in-progress
# queue while it runs: its record is delayed, hidden or due. The record of a finished job stays until it is swept, half a minute
# or so, and counts as long.
#
# Three expressions, since none does it all:
#   track  from some to more: jobs per worker
#   wake   from zero to one: there are no jobs "per worker" of no worker, and target tracking multiplies what is there
#   idle   back to the floor, when there is no job
#
# A queue that is active reports what is visible, also when it is 0; what is hidden or delayed only where there is some
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html). One on which
# nothing happened for six hours is asleep, and its metrics may then be up to 15 minutes late
# (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html). What is late must
# not pass for nothing: whatever is computed with something missing is missing, and makes nobody do anything. So what is visible
# is never FILLed, which would make a 0 of every latest minute; SUM of a list passes over those that have nothing to report, as
# long as one has (`* 0`).

variable "queues" {
  description = "Names of the two queues, as the root module's output `queues` has them."
  type = object({
    work        = object({ name = string })
    in_progress = object({ name = string })
  })
  nullable = false
}

variable "workers" {
  description = "The metrics that tell how many workers there are: `running` now, and `wanted` by whoever starts them."
  type = map(object({
    namespace  = string
    name       = string
    dimensions = map(string)
    stat       = string
  }))
  nullable = false

  validation {
    condition     = toset(keys(var.workers)) == toset(["running", "wanted"])
    error_message = "workers must have the metrics running and wanted."
  }
}

variable "floor" {
  description = "Workers there are at least."
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
  # whoever is at zero may not report it: what was never told is 0, what comes late is as before. A record that is due waits, too,
  # as it does after a daemon that died
  none = "SUM([work_visible * 0, running_visible * 0, FILL(wanted, REPEAT)]) < 1"
  some = "SUM([work_visible, running_visible]) > 0"
}

output "track" {
  description = "Metric math, and the metrics it is of, by id: all jobs, per worker."
  value = {
    expression = "${local.jobs} / IF(running > 0, running, 1)"
    metrics    = merge(local.metrics, { running = var.workers.running })
  }
}

output "wake" {
  description = "The same: 1 when a job waits and there is no worker, else 0."
  value = {
    expression = "IF(${local.none} AND ${local.some}, 1, 0)"
    metrics = {
      work_visible    = local.metrics.work_visible
      running_visible = local.metrics.running_visible
      wanted          = var.workers.wanted
    }
  }
}

output "idle" {
  description = "The same: 1 when both queues tell that there is no job, and there are more workers than the floor, else 0."
  value = {
    expression = "IF(wanted > ${var.floor} AND running_visible == 0 AND ${local.jobs} == 0, 1, 0)"
    metrics    = merge(local.metrics, { wanted = var.workers.wanted })
  }
}
