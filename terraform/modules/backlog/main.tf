# How many jobs there are, as CloudWatch sees them. A job waits on the work queue (visible; hidden, when it was postponed;
# delayed, after a failure) and lives on the in-progress queue while it runs: its record is delayed, hidden or due. The record of
# a finished job stays until it is swept, half a minute or so, and counts as long.

variable "queues" {
  description = "Names of the two queues, as the root module's output `queues` has them."
  type = object({
    work        = object({ name = string })
    in_progress = object({ name = string })
  })
  nullable = false
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
}

output "metrics" {
  description = "The metrics `expression` adds up, by id."
  value       = local.metrics
}

output "expression" {
  description = "Metric math: all jobs. SUM of a list passes over what reports nothing: SQS does not report hidden and delayed messages where there are none."
  value       = "SUM([${join(", ", [for id in sort(keys(local.metrics)) : "FILL(${id}, 0)"])}])"
}
