variable "name" {
  description = "Prefix of the names of cluster, service, roles and alarms."
  type        = string
  default     = "mediad"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 40 lower-case letters, digits and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "tags" {
  description = "Tags for all resources that support them."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- outputs of the root module ------------------------------------------------------------------

variable "env" {
  description = "Environment of the daemons: the root module's output `env`."
  type        = map(string)
  nullable    = false
}

variable "queues" {
  description = "Queues whose metrics scale the service: the root module's output `queues`."
  type = object({
    work        = object({ name = string })
    in_progress = object({ name = string })
  })
  nullable = false
}

variable "daemon_policy_arn" {
  description = "Policy of the tasks' role: the root module's output `daemon_policy_arn`."
  type        = string
  nullable    = false
}

# --- task ----------------------------------------------------------------------------------------

variable "image" {
  description = "Image of the daemons, built by `examples/docker/application.Dockerfile` or `examples/docker/Dockerfile`, preferably with a digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "image must be a repository with a tag or a digest: REPOSITORY:TAG or REPOSITORY@sha256:…"
  }
}

variable "grace_seconds" {
  description = "Must equal `shutdown.graceSeconds` of the config. Fargate kills a task 120 s after its SIGTERM."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.grace_seconds >= 0 && var.grace_seconds <= 90 && floor(var.grace_seconds) == var.grace_seconds
    error_message = "grace_seconds must be an integer from 0 to 90: a daemon releases its jobs after this time, and Fargate permits 120 s in total."
  }
}

variable "cpu" {
  description = "CPU units of a task: 1024 per vCPU."
  type        = number
  default     = 4096
  nullable    = false

  validation {
    condition     = contains([512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 512, 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory_mib" {
  description = "Memory of a task. Fargate supports only certain combinations of cpu and memory: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"
  type        = number
  default     = 8192
  nullable    = false

  validation {
    # An invalid cpu is reported by its own validation.
    condition = try(contains({
      512   = [1, 2, 3, 4]
      1024  = range(2, 9)
      2048  = range(4, 17)
      4096  = range(8, 31)
      8192  = range(16, 61, 4)
      16384 = range(32, 121, 8)
    }[tostring(var.cpu)], var.memory_mib / 1024), true)
    error_message = "memory_mib must be a multiple of 1 GiB that Fargate supports for cpu: 1 to 4 GiB for 512, 2 to 8 for 1024, 4 to 16 for 2048, 8 to 30 for 4096, 16 to 60 in steps of 4 for 8192, 32 to 120 in steps of 8 for 16384."
  }
}

variable "disk_gib" {
  description = "Ephemeral storage of a task, for the workspaces. Each slot needs space for the largest source and its outputs."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.disk_gib >= 21 && var.disk_gib <= 200
    error_message = "disk_gib must be from 21 to 200, the range of Fargate."
  }
}

variable "architecture" {
  description = "Architecture of the image: `X86_64` or `ARM64`."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture must be X86_64 or ARM64."
  }
}

variable "log_retention_days" {
  description = "Retention of the daemons' log in CloudWatch."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a value that CloudWatch supports: 1, 3, 5, 7, 14, 30, 60, 90, …"
  }
}

# --- network and size ----------------------------------------------------------------------------

variable "vpc_id" {
  description = "VPC of the tasks."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Subnets with access to S3, SQS, the image registry and CloudWatch."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must contain at least one subnet."
  }
}

variable "assign_public_ip" {
  description = "Set it to true in subnets with an internet gateway, and to false behind a NAT gateway or with VPC endpoints."
  type        = bool
  default     = false
  nullable    = false
}

variable "spot" {
  description = "Whether to use Fargate Spot, at about a third of the price. Spot tasks can be interrupted, two minutes after a warning."
  type        = bool
  default     = true
  nullable    = false
}

variable "min_tasks" {
  description = "Minimum number of tasks."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_tasks >= 0 && var.min_tasks <= var.max_tasks
    error_message = "min_tasks must be from 0 to max_tasks."
  }
}

variable "max_tasks" {
  description = "Maximum number of tasks."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.max_tasks >= 1
    error_message = "max_tasks must be at least 1."
  }
}

variable "jobs_per_task" {
  description = "Target number of waiting and running jobs per task."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.jobs_per_task > 0
    error_message = "jobs_per_task must be greater than 0."
  }
}

variable "scale_in_while_busy" {
  description = "Whether to scale in while jobs run. A stopped task gives its jobs the grace time and then releases them. With true, late metrics can also cause a scale-in; with false, the service scales in only when there are no jobs."
  type        = bool
  default     = false
  nullable    = false
}

variable "idle_minutes" {
  description = "Minutes without jobs after which the service scales in to min_tasks. If min_tasks is 0, it must be at least 16, because metrics of an inactive queue can be 15 minutes late."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.idle_minutes >= 2 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes must be an integer of at least 2."
  }

  validation {
    condition     = var.min_tasks > 0 || var.idle_minutes >= 16
    error_message = "idle_minutes must be at least 16 if min_tasks is 0: metrics of an inactive queue can be 15 minutes late, and the service would scale in during its first job."
  }
}

# --- endpoint ------------------------------------------------------------------------------------

variable "load_balancer" {
  description = <<-EOT
    Load balancer in front of the daemons' HTTP endpoint, for clients that request presigned URLs; null creates none.
    `allowed_cidrs` lists the networks that can reach it: everyone in them can use the endpoint, unless the config has
    `http.authorize`. It is internal unless `public` is set; with a public one, daemons need a config with `http.authorize`.
    `certificate_arn` is a certificate of ACM for TLS, which a public one needs. The daemons listen on all interfaces, by their
    environment, and accept connections of the load balancer only.
  EOT
  type = object({
    subnet_ids      = list(string)
    allowed_cidrs   = list(string)
    public          = optional(bool, false)
    certificate_arn = optional(string)
    port            = optional(number, 3000)
  })
  default = null

  validation {
    condition     = var.load_balancer == null ? true : length(distinct(var.load_balancer.subnet_ids)) >= 2
    error_message = "load_balancer.subnet_ids must have at least two subnets, in different availability zones."
  }

  validation {
    condition     = var.load_balancer == null ? true : length(var.load_balancer.allowed_cidrs) > 0 && alltrue([for cidr in var.load_balancer.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "load_balancer.allowed_cidrs must list at least one IPv4 network, such as 10.0.0.0/16."
  }

  validation {
    condition     = var.load_balancer == null ? true : !var.load_balancer.public || var.load_balancer.certificate_arn != null
    error_message = "a public load balancer needs a certificate_arn: upload URLs must not be sent over plain http."
  }

  validation {
    condition     = try(var.load_balancer.certificate_arn, null) == null ? true : can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.load_balancer.certificate_arn))
    error_message = "load_balancer.certificate_arn must be the ARN of a certificate in ACM."
  }

  validation {
    condition     = var.load_balancer == null ? true : var.load_balancer.port >= 1024 && var.load_balancer.port <= 65535 && floor(var.load_balancer.port) == var.load_balancer.port
    error_message = "load_balancer.port must be an integer from 1024 to 65535: the daemon may not use lower ports."
  }

  validation {
    condition     = var.load_balancer == null ? true : var.min_tasks >= 1
    error_message = "a load balancer needs min_tasks of at least 1: without a daemon, there is nobody to answer."
  }

  validation {
    condition     = var.load_balancer == null ? true : length(var.name) <= 32
    error_message = "with a load balancer, name must have at most 32 characters."
  }
}
