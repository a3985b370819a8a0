# A bucket that is there already and stays its owner's: queues, policies and alarms beside it, and daemons wherever you run them.

variable "region" {
  description = "That of the bucket: S3 notifies queues of its own region only."
  type        = string
  default     = "eu-central-1"
}

variable "bucket_name" {
  description = "The bucket, in this account."
  type        = string
}

variable "manage_notification" {
  description = "false when the bucket notifies others already: Terraform would replace that. Then add the rule of the output `notification` where the others are."
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
  description = "For `mediad env --terraform`."
  value       = module.mediad.env
}

output "region" {
  description = "AWS_REGION of a daemon."
  value       = module.mediad.region
}

output "daemon_policy_arn" {
  description = "Attach it to whatever runs your daemons."
  value       = module.mediad.daemon_policy_arn
}

output "notification" {
  description = "The rule for the bucket's notifications, where manage_notification is false."
  value       = module.mediad.notification
}

output "bucket_policy" {
  description = "The statements the bucket's policy should have."
  value       = module.mediad.bucket_policy
}
