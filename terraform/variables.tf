variable "name" {
  description = "Prefix of the names of queues, policies and alarms: `mediad` results in `mediad-work`."
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

# --- bucket -------------------------------------------------------------------------------------

variable "bucket_name" {
  description = "Bucket for sources, outputs and job documents."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must be the plain name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and hyphens (not an ARN or a URL)."
  }
}

variable "create_bucket" {
  description = "Whether to create the bucket. With false, only the notification of the existing bucket is managed; add the statements of the output `bucket_policy` to its policy."
  type        = bool
  default     = true
  nullable    = false
}

variable "manage_notification" {
  description = <<-EOT
    Whether to manage the bucket's notification configuration. S3 has one per bucket, and Terraform replaces all of it. Set it to
    false for a bucket that has other notifications, and add the rule of the output `notification` there.
  EOT
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes a bucket with all its objects. For tests only."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = var.create_bucket || !var.force_destroy
    error_message = "force_destroy must be false when create_bucket is false: it applies only to a bucket that this module creates."
  }
}

variable "source_prefix" {
  description = "Objects with this prefix are sources, and only they cause notifications. Must equal `source.prefix` in media.config.ts."
  type        = string
  default     = "origin_"
  nullable    = false

  validation {
    condition     = length(var.source_prefix) >= 1 && length(var.source_prefix) <= 200 && !can(regex("[*?$]", var.source_prefix))
    error_message = "source_prefix must have 1 to 200 characters, without *, ? and $, which have a special meaning in policies."
  }
}

variable "state_prefix" {
  description = "Prefix of the job documents. Must equal `state.prefix` in media.config.ts."
  type        = string
  default     = ".mediad/"
  nullable    = false

  validation {
    condition     = length(var.state_prefix) >= 1 && length(var.state_prefix) <= 200 && !can(regex("[*?$]", var.state_prefix))
    error_message = "state_prefix must have 1 to 200 characters, without *, ? and $, which have a special meaning in policies."
  }

  validation {
    condition     = !startswith(var.state_prefix, var.source_prefix) && !startswith(var.source_prefix, var.state_prefix)
    error_message = "state_prefix and source_prefix must not overlap: otherwise job documents would be processed as sources, or sources would expire with the job documents."
  }
}

variable "output_prefixes" {
  description = <<-EOT
    Prefixes of the output keys: the text before the first `{` of each `key` in the plugin chain. Daemons have write access only
    to these, to the state prefix, and (to sign uploads) to the source prefix. `[""]` permits the whole bucket.
  EOT
  type        = list(string)
  default     = ["cvted_", "thumb_"]
  nullable    = false

  validation {
    condition     = length(var.output_prefixes) > 0 && alltrue([for prefix in var.output_prefixes : !can(regex("[*?$]", prefix))])
    error_message = "output_prefixes must name at least one prefix, none with *, ? or $, which have a special meaning in policies."
  }

  validation {
    condition     = alltrue([for prefix in var.output_prefixes : !startswith(prefix, var.source_prefix) && !startswith(prefix, var.state_prefix)])
    error_message = "output_prefixes must not be under source_prefix (outputs would be processed again and again) or state_prefix."
  }
}

variable "enforce_conditional_writes" {
  description = "Whether the bucket policy denies all writes under the state prefix that have neither If-Match nor If-None-Match. mediad always sends one of them."
  type        = bool
  default     = true
  nullable    = false
}

variable "versioning" {
  description = "Whether to enable versioning. Old versions of job documents (every heartbeat creates one) expire after a day; so do old versions of sources if sources expire."
  type        = bool
  default     = false
  nullable    = false
}

variable "source_expiration_days" {
  description = "Days after the upload until a source is deleted; null keeps sources. A dead job can be redriven only while its source exists (its message is kept for 14 days)."
  type        = number
  default     = null

  validation {
    condition     = var.source_expiration_days == null ? true : var.source_expiration_days > var.retention_days && floor(var.source_expiration_days) == var.source_expiration_days
    error_message = "source_expiration_days must be an integer greater than retention_days: a job can start that late."
  }
}

variable "state_expiration_days" {
  description = "Days after the last change until an object under the state prefix is deleted; null keeps all. A job without its document is unknown: another notification for the same upload runs it again."
  type        = number
  default     = null

  validation {
    condition     = var.state_expiration_days == null ? true : var.state_expiration_days >= 15 && floor(var.state_expiration_days) == var.state_expiration_days
    error_message = "state_expiration_days must be an integer of at least 15: messages are kept for up to 14 days, and each needs its document."
  }
}

variable "cors_origins" {
  description = "Web origins whose pages can upload, such as `https://app.example.com`. With an empty list, browsers cannot upload."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[^/ ]+$", origin))])
    error_message = "cors_origins must be web origins, scheme and host without a path: https://app.example.com"
  }
}

variable "kms_key_arn" {
  description = "KMS key for the encryption of the bucket; null uses S3's own keys. The policies permit its use. The queues are always encrypted with SQS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: policies cannot refer to aliases."
  }
}

# --- queues -------------------------------------------------------------------------------------

variable "retention_days" {
  description = "Days that the work and in-progress queues keep a message: a job must start and finish within this time. The dead-letter queue keeps messages for 14 days, the maximum."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 14 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be an integer from 1 to 14, the maximum of SQS."
  }
}

# --- alarms -------------------------------------------------------------------------------------

variable "create_alarms" {
  description = "Whether to create alarms: messages that wait too long, a dead-letter queue that is not empty, no daemon that polls while jobs wait."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_alarm_topic" {
  description = "Whether to create an SNS topic for all alarms, to which you can subscribe."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs to notify, in addition to the topic, when an alarm starts and when it ends."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alarm_oldest_seconds" {
  description = "An upload that waits for longer than this triggers the alarm."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.alarm_oldest_seconds >= 60
    error_message = "alarm_oldest_seconds must be at least 60: CloudWatch reads the metrics of a queue once a minute."
  }
}

variable "alarm_silence_minutes" {
  description = "Jobs that wait for this long while no daemon polls trigger the alarm. A fleet that starts from zero needs some minutes to boot."
  type        = number
  default     = 15
  nullable    = false

  validation {
    condition     = var.alarm_silence_minutes >= 5 && floor(var.alarm_silence_minutes) == var.alarm_silence_minutes
    error_message = "alarm_silence_minutes must be an integer of at least 5."
  }
}
