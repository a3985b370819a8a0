variable "name" {
  description = "What the names of group, role and alarms begin with."
  type        = string
  default     = "mediad"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 40 lower-case letters, digits and dashes, begin with a letter and not end with a dash."
  }
}

variable "tags" {
  description = "Put on everything that takes tags, and on the instances."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- what the daemons work on: outputs of the root module ----------------------------------------

variable "env" {
  description = "The root module's output `env`: the environment of every daemon."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name, value in var.env : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("[\\s\"'\\\\$`]", value))])
    error_message = "env must have names of capitals, digits and _, and values without spaces, quotes, \\, $ and `."
  }
}

variable "queues" {
  description = "The root module's output `queues`: their names are the dimensions of what the fleet scales by."
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

variable "extra_policy_arns" {
  description = <<-EOT
    Further policies of the instances' role, on which files of strangers are opened: narrow ones. To log in through Session
    Manager, where the image has its agent (Debian's has not), `ssm:UpdateInstanceInformation` and `ssmmessages:*Channel` do;
    AmazonSSMManagedInstanceCore also reads every parameter of the account.
  EOT
  type        = list(string)
  default     = []
  nullable    = false
}

# --- what runs on an instance --------------------------------------------------------------------

variable "package" {
  description = "mediad as `npm install` takes it: `mediad@0.1.0` from a registry the instances reach, or the https URL of a tarball that `npm pack` made."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(https://[^\\s\"'\\\\$`;&|<>()]+\\.tgz|(@[a-z0-9-]+/)?[a-z0-9-]+@[0-9][0-9A-Za-z.+-]*)$", var.package))
    error_message = "package must be NAME@VERSION with an exact version, or the https URL of a .tgz."
  }
}

variable "config" {
  description = "The text of media.config.ts: `file(\"media.config.ts\")`. It must set shutdown.metadataUrl, or the daemon does not hear of interruptions."
  type        = string
  nullable    = false

  validation {
    condition     = strcontains(var.config, "defineConfig") && length(base64encode(var.config)) <= 8000
    error_message = "config must be the text of a media.config.ts, of 6,000 bytes at most: it travels in the user data, of which there are 16 KiB."
  }

  validation {
    condition     = strcontains(var.config, "metadataUrl")
    error_message = "config must set shutdown.metadataUrl (to http://169.254.169.254): without it a daemon is cut off in its jobs when its instance goes."
  }
}

variable "grace_seconds" {
  description = "`shutdown.graceSeconds` of the config. The unit and the termination hook wait longer. A spot instance has 120 s from its notice to its end."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.grace_seconds >= 0 && var.grace_seconds <= 3600 && floor(var.grace_seconds) == var.grace_seconds
    error_message = "grace_seconds must be a whole number from 0 to 3600, as in the config."
  }

  validation {
    condition     = var.on_demand_percentage == 100 || var.grace_seconds <= 100
    error_message = "grace_seconds must be at most 100 where instances are spot: they end 120 s after their notice, and a daemon needs some of that to notice and to release its jobs."
  }
}

variable "node_version" {
  description = "Node for the daemons, from nodejs.org, checked against the SHA-256 published there."
  type        = string
  default     = "24.21.0"
  nullable    = false

  validation {
    condition     = can(regex("^(2[4-9]|[3-9][0-9])\\.[0-9]+\\.[0-9]+$", var.node_version))
    error_message = "node_version must be an exact version from 24."
  }
}

# --- the machines --------------------------------------------------------------------------------

variable "vpc_id" {
  description = "The network of the instances."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Subnets from which S3, SQS and nodejs.org can be reached, best one per zone: more zones have more spot capacity."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must name at least one subnet."
  }
}

variable "security_group_ids" {
  description = "Further security groups of the instances. Their own lets them out, by https and http, and nobody in."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "instance_types" {
  description = "Interchangeable types, of one architecture; the more, the fewer interruptions. For a GPU: types that have one, and an `ami_id` with its drivers."
  type        = list(string)
  default     = ["c7i.xlarge", "c7a.xlarge", "c6i.xlarge", "c6a.xlarge"]
  nullable    = false

  validation {
    condition     = length(var.instance_types) > 0 && length(var.instance_types) <= 40 && alltrue([for type in var.instance_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    error_message = "instance_types must be 1 to 40 types such as c7i.xlarge."
  }
}

variable "architecture" {
  description = "Of the instance types, and of Node: `x86_64` or `arm64`."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "ami_id" {
  description = "A Debian or Ubuntu image; null takes the latest Debian 13 (ffmpeg 7.1), at each apply. An image that has ffmpeg keeps its own, which must be 5.1 or newer: Debian 12, Ubuntu 24.04."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null ? true : can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id must be an image's id: ami- and 8 or 17 hexadecimal digits."
  }

  validation {
    condition     = !var.gpu || var.ami_id != null
    error_message = "gpu needs an ami_id: Debian's own image has neither drivers nor an ffmpeg that uses them."
  }
}

variable "gpu" {
  description = "Whether daemons may use the machine's GPU: their unit then sees its devices. The chain must use it, too."
  type        = bool
  default     = false
  nullable    = false
}

variable "disk_gib" {
  description = "Size of the root volume, on which the workspaces lie: per slot, the largest source and all of its results."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.disk_gib >= 8 && floor(var.disk_gib) == var.disk_gib
    error_message = "disk_gib must be a whole number from 8."
  }
}

variable "on_demand_base" {
  description = "So many instances are on demand before any is spot."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.on_demand_base >= 0
    error_message = "on_demand_base must not be negative."
  }
}

variable "on_demand_percentage" {
  description = "Of the instances above the base; 0 makes all of them spot, 100 none."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.on_demand_percentage >= 0 && var.on_demand_percentage <= 100
    error_message = "on_demand_percentage must be from 0 to 100."
  }
}

# --- how many ------------------------------------------------------------------------------------

variable "min_size" {
  description = "Instances there are at least. 0 costs nothing while nothing is to be done, and minutes when something is."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_size >= 0 && var.min_size <= var.max_size
    error_message = "min_size must be from 0 to max_size."
  }
}

variable "max_size" {
  description = "Instances there are at most."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.max_size >= 1
    error_message = "max_size must be at least 1."
  }
}

variable "jobs_per_instance" {
  description = "Jobs, waiting and running, per instance that the fleet aims at. As many as an instance has slots (`queues.work.concurrency`): nothing waits; more: some do, and it costs less."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.jobs_per_instance > 0
    error_message = "jobs_per_instance must be more than 0."
  }
}

variable "scale_in_while_busy" {
  description = <<-EOT
    Whether the fleet shrinks while jobs run. An instance that goes gives its jobs the grace time and then releases them: they
    begin again elsewhere. true for jobs that are short beside the grace time; with false it shrinks when all is done.
    With true, metrics that come late shrink a busy fleet, too: jobs that are not told of are not counted.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "idle_minutes" {
  description = "Minutes without any job after which the fleet goes back to min_size. Where that is 0, more than the 15 by which metrics of a queue that was asleep may be late."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.idle_minutes >= 2 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes must be a whole number from 2."
  }

  validation {
    condition     = var.min_size > 0 || var.idle_minutes >= 16
    error_message = "idle_minutes must be at least 16 where min_size is 0: metrics of a queue that was asleep may be 15 minutes late, and the fleet would rest in the middle of its first job."
  }
}

variable "warmup_seconds" {
  description = "From an instance's start to its first job: packages, Node, npm install."
  type        = number
  default     = 240
  nullable    = false

  validation {
    condition     = var.warmup_seconds >= 0 && floor(var.warmup_seconds) == var.warmup_seconds
    error_message = "warmup_seconds must be a whole number, not negative."
  }
}
