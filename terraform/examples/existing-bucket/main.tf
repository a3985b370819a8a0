# Queues, policies and alarms for a bucket that exists and is not managed here, with daemons wherever you run them.

variable "region" {
  description = "Region of the bucket. S3 notifies only queues in the same region."
  type        = string
  default     = "eu-central-1"
}

variable "bucket_name" {
  description = "Existing bucket in this account."
  type        = string
}

variable "manage_notification" {
  description = "Set it to false when the bucket has other notifications, which Terraform would replace. Then add the rule of the output `notification` to them."
  type        = bool
  default     = true
}

module "mediad" {
  source              = "../.."
  bucket_name         = var.bucket_name
  create_bucket       = false
  manage_notification = var.manage_notification
  source_prefix       = "uploads/"
  output_prefixes     = ["videos/", "thumbnails/"]
}

output "env" {
  description = "Environment for daemons, for `mediad env --terraform`."
  value       = module.mediad.env
}

output "region" {
  description = "AWS_REGION for daemons."
  value       = module.mediad.region
}

output "daemon_policy_arn" {
  description = "Policy to attach to the role of your daemons."
  value       = module.mediad.daemon_policy_arn
}

output "notification" {
  description = "Rule for the notifications of the bucket if manage_notification is false."
  value       = module.mediad.notification
}

output "bucket_policy" {
  description = "Statements to add to the policy of the bucket."
  value       = module.mediad.bucket_policy
}
