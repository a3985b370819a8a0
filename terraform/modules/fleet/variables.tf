variable "name" {
  description = "Prefix of the names of group, role and alarms."
  type        = string
  default     = "mediad"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 40 lower-case letters, digits and hyphens, start with a letter and not end with a hyphen."
  }
}

variable "tags" {
  description = "Tags for all resources that support them, and for the instances."
  type        = map(string)
  default     = {}
  nullable    = false
}

# --- outputs of the root module ------------------------------------------------------------------

variable "env" {
  description = "Environment of the daemons: the root module's output `env`."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name, value in var.env : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("[\\s\"'\\\\$`]", value))])
    error_message = "env must have names of upper-case letters, digits and _, and values without spaces, quotes, \\, $ and `."
  }
}

variable "queues" {
  description = "Queues whose metrics scale the fleet: the root module's output `queues`."
  type = object({
    work        = object({ name = string })
    in_progress = object({ name = string })
  })
  nullable = false
}

variable "daemon_policy_arn" {
  description = "Policy of the instances' role: the root module's output `daemon_policy_arn`."
  type        = string
  nullable    = false
}

variable "extra_policy_arns" {
  description = <<-EOT
    More policies for the instances' role. Keep them narrow: the instances process untrusted files. Session Manager needs
    `ssm:UpdateInstanceInformation`, `ssmmessages:*Channel`, and an image with its agent (Debian's image does not have it);
    AmazonSSMManagedInstanceCore can also read every parameter of the account.
  EOT
  type        = list(string)
  default     = []
  nullable    = false
}

# --- software ------------------------------------------------------------------------------------

variable "application" {
  description = <<-EOT
    A folder of your own for the daemons, from S3 or from an npm registry. At its top it has package.json with mediad as a
    dependency, a lockfile, media.config.ts and the config's plugins. Instances install what the lockfile says, and are replaced
    when this variable changes. The config must set shutdown.metadataUrl, so that the daemon detects interruptions.

    `{ s3 = { bucket = "…", key = "…", sha256 = filesha256("….tgz") } }`: a .tgz of the folder, with package-lock.json. The bucket
    must be in the fleet's region. Instances read only this object.

    `{ npm = { package = "@acme/media@1.2.0" } }`: a package, with npm-shrinkwrap.json, because packages cannot have a
    package-lock.json. `registry` (default https://registry.npmjs.org/) serves all packages; it must pass on those of the public
    registry. `token_parameter` names the SecureString in Parameter Store with its token. Instances read only this parameter.
  EOT
  type = object({
    s3 = optional(object({ bucket = string, key = string, sha256 = optional(string) }))
    npm = optional(object({
      package         = string
      registry        = optional(string, "https://registry.npmjs.org/")
      token_parameter = optional(string)
    }))
  })
  default = null

  validation {
    condition     = (var.application == null) == (var.package != null) && (var.package != null) == (var.config != null)
    error_message = "set either application, or package and config."
  }

  validation {
    condition     = var.application == null ? true : (var.application.s3 == null) != (var.application.npm == null)
    error_message = "application must have either s3 or npm."
  }

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", try(var.application.s3.bucket, "any")))
    error_message = "application.s3.bucket must be the name of a bucket, without dots: its name is part of a host name with TLS."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\\.(tgz|tar\\.gz)$", try(var.application.s3.key, "any.tgz")))
    error_message = "application.s3.key must have only letters, digits, ., _, - and /, and end with .tgz or .tar.gz."
  }

  validation {
    condition     = try(var.application.s3.sha256, null) == null ? true : can(regex("^[0-9a-f]{64}$", var.application.s3.sha256))
    error_message = "application.s3.sha256 must have 64 hexadecimal digits: filesha256(\"….tgz\")."
  }

  validation {
    condition     = can(regex("^(@[a-z0-9-][a-z0-9._-]*/)?[a-z0-9-][a-z0-9._-]*@[0-9][0-9A-Za-z.+-]*$", try(var.application.npm.package, "any@1.0.0")))
    error_message = "application.npm.package must be NAME@VERSION with an exact version."
  }

  # npm finds the token of a registry by its URL in the normal form.
  validation {
    condition     = can(regex("^https://[a-z0-9.-]+(:[0-9]+)?/([A-Za-z0-9._~-]+/)*$", try(var.application.npm.registry, "https://any/"))) && !strcontains(try(var.application.npm.registry, ""), ":443/")
    error_message = "application.npm.registry must be an https URL that ends with /, with the host in lower case and without the port 443."
  }

  validation {
    condition     = try(var.application.npm.token_parameter, null) == null ? true : can(regex("^/?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", var.application.npm.token_parameter))
    error_message = "application.npm.token_parameter must be the name of a parameter: letters, digits, ., _, - and /."
  }
}

variable "package" {
  description = "mediad package for `npm install`, for daemons without plugins of their own: `mediad@0.1.0` from a registry, or the https URL of a tarball created by `npm pack`."
  type        = string
  default     = null

  validation {
    condition     = var.package == null ? true : can(regex("^(https://[^\\s\"'\\\\$`;&|<>()]+\\.tgz|(@[a-z0-9-]+/)?[a-z0-9-]+@[0-9][0-9A-Za-z.+-]*)$", var.package))
    error_message = "package must be NAME@VERSION with an exact version, or the https URL of a .tgz."
  }
}

variable "config" {
  description = "Text of media.config.ts, with `package`: `file(\"media.config.ts\")`. It must set shutdown.metadataUrl, so that the daemon detects interruptions."
  type        = string
  default     = null

  validation {
    condition     = var.config == null ? true : strcontains(var.config, "defineConfig") && length(base64encode(var.config)) <= 8000
    error_message = "config must be the text of a media.config.ts, at most 6,000 bytes: it is part of the user data, which is limited to 16 KiB."
  }

  validation {
    condition     = var.config == null ? true : strcontains(var.config, "metadataUrl")
    error_message = "config must set shutdown.metadataUrl (to http://169.254.169.254): without it, the termination of an instance aborts its jobs without a warning."
  }
}

variable "grace_seconds" {
  description = "Must equal `shutdown.graceSeconds` of the config. The systemd unit and the termination hook wait longer. A spot instance is terminated 120 s after the interruption is announced."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.grace_seconds >= 0 && var.grace_seconds <= 3600 && floor(var.grace_seconds) == var.grace_seconds
    error_message = "grace_seconds must be an integer from 0 to 3600, as in the config."
  }

  validation {
    condition     = var.on_demand_percentage == 100 || var.grace_seconds <= 100
    error_message = "grace_seconds must be at most 100 with spot instances: they are terminated 120 s after the interruption is announced, and a daemon needs some of this time to detect it and to release its jobs."
  }
}

variable "node_version" {
  description = "Version of Node, which is downloaded from nodejs.org and checked against its published SHA-256."
  type        = string
  default     = "24.21.0"
  nullable    = false

  validation {
    condition     = can(regex("^(2[4-9]|[3-9][0-9])\\.[0-9]+\\.[0-9]+$", var.node_version))
    error_message = "node_version must be an exact version, 24 or newer."
  }
}

variable "log_retention_days" {
  description = "Sends the log of the boot and of the daemons to the CloudWatch log group /mediad/NAME, and keeps it for these days; null leaves it on the instance, in the journal. Installs Amazon's CloudWatch agent."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a value that CloudWatch supports: 1, 3, 5, 7, 14, 30, 60, 90, …"
  }
}

# --- instances -----------------------------------------------------------------------------------

variable "vpc_id" {
  description = "VPC of the instances."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Subnets with access to S3, SQS and nodejs.org, preferably one per availability zone: more zones have more spot capacity."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "subnet_ids must contain at least one subnet."
  }
}

variable "security_group_ids" {
  description = "More security groups for the instances. Their own permits egress by https and http, and no ingress."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "instance_types" {
  description = "Interchangeable instance types of one architecture. More types mean fewer interruptions. For GPUs, use types with a GPU that encodes video, such as g6.xlarge, and an `ami_id` with its drivers."
  type        = list(string)
  default     = ["c7i.xlarge", "c7a.xlarge", "c6i.xlarge", "c6a.xlarge"]
  nullable    = false

  validation {
    condition     = length(var.instance_types) > 0 && length(var.instance_types) <= 40 && alltrue([for type in var.instance_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    error_message = "instance_types must have 1 to 40 types such as c7i.xlarge."
  }
}

variable "architecture" {
  description = "Architecture of the instance types and of Node: `x86_64` or `arm64`."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "ami_id" {
  description = "A Debian or Ubuntu image; null selects the latest Debian 13 (ffmpeg 7.1) at each apply. If the image has ffmpeg, that one is used; it must be 5.1 or newer, as in Debian 12 and Ubuntu 24.04."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null ? true : can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id must be the id of an image: ami- and 8 or 17 hexadecimal digits."
  }

  validation {
    condition     = !var.gpu || var.ami_id != null
    error_message = "gpu needs an ami_id: Debian's image has neither the drivers nor an ffmpeg that uses them."
  }
}

variable "gpu" {
  description = "Whether the systemd unit gives daemons access to the GPU devices. The plugin chain must use the GPU, too: `transcode({ hardware: 'auto' })`."
  type        = bool
  default     = false
  nullable    = false
}

variable "disk_gib" {
  description = "Size of the root volume, which holds the workspaces. Each slot needs space for the largest source and its outputs."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.disk_gib >= 8 && floor(var.disk_gib) == var.disk_gib
    error_message = "disk_gib must be an integer of at least 8."
  }
}

variable "on_demand_base" {
  description = "Number of instances that are always on demand."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.on_demand_base >= 0
    error_message = "on_demand_base must not be negative."
  }
}

variable "on_demand_percentage" {
  description = "Percentage of on-demand instances above on_demand_base. The others are spot."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.on_demand_percentage >= 0 && var.on_demand_percentage <= 100
    error_message = "on_demand_percentage must be from 0 to 100."
  }
}

# --- size and scaling ----------------------------------------------------------------------------

variable "min_size" {
  description = "Minimum number of instances. With 0, instances cost nothing while there are no jobs, but the first job waits some minutes."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.min_size >= 0 && var.min_size <= var.max_size
    error_message = "min_size must be from 0 to max_size."
  }
}

variable "max_size" {
  description = "Maximum number of instances."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.max_size >= 1
    error_message = "max_size must be at least 1."
  }
}

variable "jobs_per_instance" {
  description = "Target number of waiting and running jobs per instance. With the number of slots (`queues.work.concurrency`), jobs rarely wait; a greater value costs less, and jobs wait."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.jobs_per_instance > 0
    error_message = "jobs_per_instance must be greater than 0."
  }
}

variable "scale_in_while_busy" {
  description = <<-EOT
    Whether to scale in while jobs run. A terminated instance gives its jobs the grace time and then releases them, and they
    start again elsewhere. Use true when jobs are short compared with the grace time; with false, the fleet scales in only when
    there are no jobs. With true, late metrics can also cause a scale-in, because missing jobs are not counted.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "idle_minutes" {
  description = "Minutes without jobs after which the fleet scales in to min_size. If min_size is 0, it must be at least 16, because metrics of an inactive queue can be 15 minutes late."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.idle_minutes >= 2 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes must be an integer of at least 2."
  }

  validation {
    condition     = var.min_size > 0 || var.idle_minutes >= 16
    error_message = "idle_minutes must be at least 16 if min_size is 0: metrics of an inactive queue can be 15 minutes late, and the fleet would scale in during its first job."
  }
}

variable "warmup_seconds" {
  description = "Time from the start of an instance to its first job: packages, Node, npm install."
  type        = number
  default     = 240
  nullable    = false

  validation {
    condition     = var.warmup_seconds >= 0 && floor(var.warmup_seconds) == var.warmup_seconds
    error_message = "warmup_seconds must be a non-negative integer."
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
    condition     = var.load_balancer == null ? true : var.min_size >= 1
    error_message = "a load balancer needs min_size of at least 1: without a daemon, there is nobody to answer."
  }

  validation {
    condition     = var.load_balancer == null ? true : length(var.name) <= 32
    error_message = "with a load balancer, name must have at most 32 characters."
  }
}
