# One bucket, one machine that is always there: the smallest whole.

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
  description = "The network of the machine."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with a way out."
  type        = list(string)
}

module "mediad" {
  source      = "../.."
  bucket_name = var.bucket_name
}

# a group of one: when the machine dies, the next one takes over its jobs
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
  description = "For a daemon, or `mediad dead`, on a machine of yours."
  value       = module.mediad.env
}

output "region" {
  description = "AWS_REGION of the same."
  value       = module.mediad.region
}
