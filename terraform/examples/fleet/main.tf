# Spot instances that scale with the number of jobs, down to zero, and alarms by email.

variable "region" {
  description = "Region of all resources."
  type        = string
  default     = "eu-central-1"
}

variable "bucket_name" {
  description = "Bucket to create. The name must be unique in all of AWS."
  type        = string
}

variable "package" {
  description = "mediad package for `npm install`."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the fleet."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with internet access, one per availability zone."
  type        = list(string)
}

variable "cors_origins" {
  description = "Web origins whose pages can upload."
  type        = list(string)
  default     = []
}

module "mediad" {
  source                 = "../.."
  bucket_name            = var.bucket_name
  cors_origins           = var.cors_origins
  retention_days         = 7
  source_expiration_days = 30
  state_expiration_days  = 90
  create_alarm_topic     = true
}

module "fleet" {
  source            = "../../modules/fleet"
  env               = module.mediad.env
  queues            = module.mediad.queues
  daemon_policy_arn = module.mediad.daemon_policy_arn
  package           = var.package
  config            = file("${path.module}/media.config.ts")
  grace_seconds     = 90
  vpc_id            = var.vpc_id
  subnet_ids        = var.subnet_ids
  max_size          = 8
  jobs_per_instance = 2
}

output "env" {
  description = "Environment for a daemon or `mediad dead` on your own machine."
  value       = module.mediad.env
}

output "region" {
  description = "AWS_REGION for the same."
  value       = module.mediad.region
}

output "alarm_topic_arn" {
  description = "SNS topic of the alarms, to subscribe to."
  value       = module.mediad.alarm_topic_arn
}

output "uploader_policy_arn" {
  description = "Policy for a service that signs uploads."
  value       = module.mediad.uploader_policy_arn
}

output "operator_policy_arn" {
  description = "Policy for operators, who inspect jobs and redrive dead ones."
  value       = module.mediad.operator_policy_arn
}
