variable "name" {
  description = "What the names of cluster, service, roles and alarms begin with."
  type        = string
  default     = "mediad"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 40 lower-case letters, digits and dashes, begin with a letter and not end with a dash."
  }
}

variable "tags" {
  description = "Put on everything that takes tags."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- what the daemons work on: outputs of the root module ----------------------------------------

variable "env" {
  description = "The root module's output `env`: the environment of every daemon."
  type        = map(string)
  nullable    = false
}

variable "queues" {
  description = "The root module's output `queues`: their names are the dimensions of what the service scales by."
  type = object({
    work        = object({ name = string })
    in_progress = object({ name = string })
  })
  nullable = false
}

variable "daemon_policy_arn" {
  description = "The root module's output `daemon_policy_arn`."
  type        = string
  nullable    = false
}

# --- what runs -----------------------------------------------------------------------------------

variable "image" {
  description = "The image of `examples/docker/Dockerfile`, with your media.config.ts in it, best by digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$", var.image))
    error_message = "image must be a repository with a tag or a digest: REPOSITORY:TAG or REPOSITORY@sha256:…"
  }
}

variable "grace_seconds" {
  description = "`shutdown.graceSeconds` of the config. Fargate kills a task 120 s after it was told to stop, and no later."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.grace_seconds >= 0 && var.grace_seconds <= 90 && floor(var.grace_seconds) == var.grace_seconds
    error_message = "grace_seconds must be a whole number from 0 to 90: a daemon releases its jobs after it, and Fargate leaves it 120 s for all."
  }
}

variable "cpu" {
  description = "CPU units of a task, 1024 to a vCPU."
  type        = number
  default     = 4096
  nullable    = false

  validation {
    condition     = contains([512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 512, 1024, 2048, 4096, 8192 or 16384."
  }
}

variable "memory_mib" {
  description = "Memory of a task. Fargate takes certain pairs of cpu and memory only: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"
  type        = number
  default     = 8192
  nullable    = false

  validation {
    # a cpu that there is not is refused as such
    condition = try(contains({
      512   = [1, 2, 3, 4]
      1024  = range(2, 9)
      2048  = range(4, 17)
      4096  = range(8, 31)
      8192  = range(16, 61, 4)
      16384 = range(32, 121, 8)
    }[tostring(var.cpu)], var.memory_mib / 1024), true)
    error_message = "memory_mib must go with cpu: whole GiB, 1 to 4 for 512, 2 to 8 for 1024, 4 to 16 for 2048, 8 to 30 for 4096, 16 to 60 by 4 for 8192, 32 to 120 by 8 for 16384."
  }
}

variable "disk_gib" {
  description = "Ephemeral storage of a task, on which the workspaces lie: per slot, the largest source and all of its results."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.disk_gib >= 21 && var.disk_gib <= 200
    error_message = "disk_gib must be from 21 to 200, which is what Fargate gives."
  }
}

variable "architecture" {
  description = "Of the image: `X86_64` or `ARM64`."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture must be X86_64 or ARM64."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the daemons' log."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of those CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, …"
  }
}

# --- where, and how many -------------------------------------------------------------------------

variable "vpc_id" {
  description = "The network of the tasks."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Subnets from which S3, SQS, the image's registry and CloudWatch can be reached."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name at least one subnet."
  }
}

variable "assign_public_ip" {
  description = "true in subnets whose way out is an internet gateway; false behind a NAT gateway or with VPC endpoints."
  type        = bool
  default     = false
  nullable    = false
}

variable "spot" {
  description = "Whether tasks run on spare capacity, at about a third of the price: each may be told to stop, two minutes ahead."
  type        = bool
  default     = true
  nullable    = false
}

variable "min_tasks" {
  description = "Tasks there are at least."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_tasks >= 0 && var.min_tasks <= var.max_tasks
    error_message = "min_tasks must be from 0 to max_tasks."
  }
}

variable "max_tasks" {
  description = "Tasks there are at most."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.max_tasks >= 1
    error_message = "max_tasks must be at least 1."
  }
}

variable "jobs_per_task" {
  description = "Jobs, waiting and running, per task that the service aims at."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.jobs_per_task > 0
    error_message = "jobs_per_task must be more than 0."
  }
}

variable "scale_in_while_busy" {
  description = "Whether the service shrinks while jobs run: a task that goes gives its jobs the grace time and then releases them. With true, metrics that come late shrink it, too; with false it shrinks when all is done."
  type        = bool
  default     = false
  nullable    = false
}

variable "idle_minutes" {
  description = "Minutes without any job after which the service goes back to min_tasks. Where that is 0, more than the 15 by which metrics of a queue that was asleep may be late."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.idle_minutes >= 2 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes must be a whole number from 2."
  }

  validation {
    condition     = var.min_tasks > 0 || var.idle_minutes >= 16
    error_message = "idle_minutes must be at least 16 where min_tasks is 0: metrics of a queue that was asleep may be 15 minutes late, and the service would rest in the middle of its first job."
  }
}
