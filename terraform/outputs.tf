output "env" {
  description = "The environment variables that media.config.ts reads. `mediad env --terraform DIR` writes them to .env."
  value = {
    MEDIAD_BUCKET                = var.bucket_name
    MEDIAD_WORK_QUEUE_URL        = aws_sqs_queue.work.url
    MEDIAD_IN_PROGRESS_QUEUE_URL = aws_sqs_queue.in_progress.url
    MEDIAD_DEAD_QUEUE_URL        = aws_sqs_queue.dead.url
  }
}

output "region" {
  description = "Region of bucket and queues: AWS_REGION of a daemon outside AWS. `mediad env` writes it too."
  value       = data.aws_region.current.region
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = local.bucket_arn
}

output "bucket_policy" {
  description = "Policy of the bucket. Add its statements to the policy of a bucket that this module does not create."
  value       = local.bucket_policy
}

output "notification" {
  description = "Rule that notifies the work queue of uploads, for a bucket whose notifications are configured elsewhere."
  value = {
    queue_arn     = aws_sqs_queue.work.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = var.source_prefix
  }
}

output "queues" {
  description = "Name, URL and ARN of each queue."
  value = {
    for key, queue in { work = aws_sqs_queue.work, in_progress = aws_sqs_queue.in_progress, dead = aws_sqs_queue.dead } :
    key => { name = queue.name, url = queue.url, arn = queue.arn }
  }
}

output "daemon_policy_arn" {
  description = "Policy for daemons."
  value       = aws_iam_policy.daemon.arn
}

output "uploader_policy_arn" {
  description = "Policy for a service that only signs uploads."
  value       = aws_iam_policy.uploader.arn
}

output "operator_policy_arn" {
  description = "Policy for operators, who inspect jobs, and redrive or drop dead ones."
  value       = aws_iam_policy.operator.arn
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms; null without one."
  value       = one(aws_sns_topic.alarms[*].arn)
}
