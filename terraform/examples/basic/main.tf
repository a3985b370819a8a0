# The smallest complete setup: one bucket, and one machine that always runs.

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
  description = "VPC of the machine."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with internet access."
  type        = list(string)
}

module "mediad" {
  source      = "../.."
  bucket_name = var.bucket_name
}

# A group of one: when the machine fails, its replacement takes over the jobs.
module "machine" {
  source               = "../../modules/fleet"
  env                  = module.mediad.env
  queues               = module.mediad.queues
  daemon_policy_arn    = module.mediad.daemon_policy_arn
  package              = var.package
  config               = file("${path.module}/media.config.ts")
  vpc_id               = var.vpc_id
  subnet_ids           = var.subnet_ids
  instance_types       = ["c7i.large", "c7a.large", "c6i.large"]
  min_size             = 1
  max_size             = 1
  on_demand_percentage = 100
}

output "env" {
  description = "Environment for a daemon or `mediad dead` on your own machine."
  value       = module.mediad.env
}

output "region" {
  description = "AWS_REGION for the same."
  value       = module.mediad.region
}
