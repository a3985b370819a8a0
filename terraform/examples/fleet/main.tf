# Spot instances, as many as there is work for, none when there is none; alarms by mail.

variable "region" {
  description = "Where all of it is."
  type        = string
  default     = "eu-central-1"
}

variable "bucket_name" {
  description = "The bucket to create; its name must be nobody else's, in all of AWS."
  type        = string
}

variable "package" {
  description = "mediad as `npm install` takes it."
  type        = string
}

variable "vpc_id" {
  description = "The network of the fleet."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with a way out, one per zone."
  type        = list(string)
}

variable "cors_origins" {
  description = "Web pages that may upload."
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
  description = "For a daemon, or `mediad dead`, on a machine of yours."
  value       = module.mediad.env
}

output "region" {
  description = "AWS_REGION of the same."
  value       = module.mediad.region
}

output "alarm_topic_arn" {
  description = "Subscribe to it."
  value       = module.mediad.alarm_topic_arn
}

output "uploader_policy_arn" {
  description = "For the service that signs uploads."
  value       = module.mediad.uploader_policy_arn
}

output "operator_policy_arn" {
  description = "For whoever looks at jobs, and redrives dead ones."
  value       = module.mediad.operator_policy_arn
}
