output "env" {
  description = "What media.config.ts reads from its environment, no more and no less. `mediad env --terraform DIR` writes it to .env."
  value = {
    MEDIAD_BUCKET                = var.bucket_name
    MEDIAD_WORK_QUEUE_URL        = aws_sqs_queue.work.url
    MEDIAD_IN_PROGRESS_QUEUE_URL = aws_sqs_queue.in_progress.url
    MEDIAD_DEAD_QUEUE_URL        = aws_sqs_queue.dead.url
  }
}

output "region" {
  description = "Of bucket and queues: AWS_REGION of a daemon outside of AWS. `mediad env` writes it too."
  value       = data.aws_region.current.region
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = local.bucket_arn
}

output "bucket_policy" {
  description = "The statements the bucket's policy has, or, for a bucket that is there already, should have."
  value       = local.bucket_policy
}

output "notification" {
  description = "The rule that tells work of uploads, for a bucket whose notifications are configured elsewhere."
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
  description = "Policy of whatever runs daemons."
  value       = aws_iam_policy.daemon.arn
}

output "uploader_policy_arn" {
  description = "Policy of a service that signs uploads and does nothing else."
  value       = aws_iam_policy.uploader.arn
}

output "operator_policy_arn" {
  description = "Policy of people who look at jobs, and redrive or drop dead ones."
  value       = aws_iam_policy.operator.arn
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms; null when there is none."
  value       = one(aws_sns_topic.alarms[*].arn)
}
