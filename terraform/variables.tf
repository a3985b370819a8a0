variable "name" {
  description = "What the names of queues, policies and alarms begin with: `mediad` gives `mediad-work`."
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

# --- the bucket ---------------------------------------------------------------------------------

variable "bucket_name" {
  description = "The bucket of sources, results and job documents."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be the plain name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and dashes (no ARN, no URL)."
  }
}

variable "create_bucket" {
  description = "false: the bucket is there already, and everything about it but the notification is its owner's. The statements its policy should have are the output `bucket_policy`."
  type        = bool
  default     = true
  nullable    = false
}

variable "manage_notification" {
  description = <<-EOT
    Whether this module writes the bucket's notification configuration. S3 keeps one per bucket, and Terraform replaces it as a
    whole: false for a bucket that notifies others already, whose owner then adds the rule of the output `notification`.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes a bucket that is not empty, with all its objects. For trials only."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.create_bucket || !var.force_destroy
    error_message = "force_destroy is for a bucket that this module creates: it must be false when create_bucket is."
  }
}

variable "source_prefix" {
  description = "Keys that start with this are sources; S3 notifies of nothing else. The same as `source.prefix` in media.config.ts."
  type        = string
  default     = "origin_"
  nullable    = false

  validation {
    condition     = length(var.source_prefix) >= 1 && length(var.source_prefix) <= 200 && !can(regex("[*?$]", var.source_prefix))
    error_message = "source_prefix must have 1 to 200 characters, without *, ? and $, which mean more than themselves in policies."
  }
}

variable "state_prefix" {
  description = "Where the job documents live. The same as `state.prefix` in media.config.ts."
  type        = string
  default     = ".mediad/"
  nullable    = false

  validation {
    condition     = length(var.state_prefix) >= 1 && length(var.state_prefix) <= 200 && !can(regex("[*?$]", var.state_prefix))
    error_message = "state_prefix must have 1 to 200 characters, without *, ? and $, which mean more than themselves in policies."
  }

  validation {
    condition     = !startswith(var.state_prefix, var.source_prefix) && !startswith(var.source_prefix, var.state_prefix)
    error_message = "state_prefix and source_prefix must not overlap: job documents would be taken for sources, or sources expire with the state."
  }
}

variable "output_prefixes" {
  description = <<-EOT
    What the keys of the results begin with: the text before the first `{` of every `key` in the plugin chain. A daemon may write
    there, below the state prefix, and (to sign uploads) sources, and nowhere else. `[""]` allows the whole bucket.
  EOT
  type        = list(string)
  default     = ["cvted_", "thumb_"]
  nullable    = false

  validation {
    condition     = length(var.output_prefixes) > 0 && alltrue([for prefix in var.output_prefixes : !can(regex("[*?$]", prefix))])
    error_message = "output_prefixes must name at least one prefix, none with *, ? or $, which mean more than themselves in policies."
  }

  validation {
    condition     = alltrue([for prefix in var.output_prefixes : !startswith(prefix, var.source_prefix) && !startswith(prefix, var.state_prefix)])
    error_message = "output_prefixes must not lie under source_prefix (results would be processed again, for ever) or state_prefix."
  }
}

variable "enforce_conditional_writes" {
  description = "Whether the bucket's policy refuses writes below the state prefix that carry neither If-Match nor If-None-Match, whoever sends them. mediad sends no others."
  type        = bool
  default     = true
  nullable    = false
}

variable "versioning" {
  description = "Whether the bucket keeps old versions. Those of job documents, of which every heartbeat makes one, expire after a day, and so do those of sources where sources expire."
  type        = bool
  default     = false
  nullable    = false
}

variable "source_expiration_days" {
  description = "Sources are deleted so long after their upload; null keeps them. A dead job can be redriven only while its source is there (its message stays 14 days)."
  type        = number
  default     = null

  validation {
    condition     = var.source_expiration_days == null ? true : var.source_expiration_days > var.retention_days && floor(var.source_expiration_days) == var.source_expiration_days
    error_message = "source_expiration_days must be a whole number above retention_days: a job may begin as late as that."
  }
}

variable "state_expiration_days" {
  description = "Everything below the state prefix is deleted so long after its last change; null keeps it. A job whose document is gone is not known any more: another notification of the same upload does it again."
  type        = number
  default     = null

  validation {
    condition     = var.state_expiration_days == null ? true : var.state_expiration_days >= 15 && floor(var.state_expiration_days) == var.state_expiration_days
    error_message = "state_expiration_days must be a whole number from 15: no message, not even a dead one, outlives 14 days, and every message must find its document."
  }
}

variable "cors_origins" {
  description = "Web origins whose pages may upload (`https://app.example.com`); none: no browser may."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[^/ ]+$", origin))])
    error_message = "cors_origins must be web origins, scheme and host without a path: https://app.example.com"
  }
}

variable "kms_key_arn" {
  description = "A KMS key to encrypt the bucket with, instead of S3's own keys; the policies then allow its use. The queues are encrypted with SQS's own keys in any case."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (no alias): policies cannot name aliases."
  }
}

# --- the queues ---------------------------------------------------------------------------------

variable "retention_days" {
  description = "How long work and in-progress keep a message: a job must begin, and end, within this time. The dead queue keeps its messages for 14 days, the longest there is."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 14 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number from 1 to 14, the longest SQS knows."
  }
}

# --- the alarms ---------------------------------------------------------------------------------

variable "create_alarms" {
  description = "Whether to watch the queues: work that waits too long, a dead queue that is not empty, daemons that do not poll while jobs wait."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_alarm_topic" {
  description = "Whether to make an SNS topic that every alarm tells; you subscribe to it."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs that every alarm tells when it goes off and when it is over, besides the topic."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alarm_oldest_seconds" {
  description = "An upload that waits for longer than this goes off the alarm."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.alarm_oldest_seconds >= 60
    error_message = "alarm_oldest_seconds must be at least 60: CloudWatch sees a queue once a minute."
  }
}

variable "alarm_silence_minutes" {
  description = "Jobs that wait for this long without any daemon asking for one go off the alarm. A fleet that starts from zero needs some minutes to boot."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = var.alarm_silence_minutes >= 5 && floor(var.alarm_silence_minutes) == var.alarm_silence_minutes
    error_message = "alarm_silence_minutes must be a whole number from 5."
  }
}
