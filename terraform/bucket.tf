resource "aws_s3_bucket" "media" {
  count         = var.create_bucket ? 1 : 0
  bucket        = var.bucket_name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "media" {
  count                   = var.create_bucket ? 1 : 0
  bucket                  = local.bucket_id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "media" {
  count  = var.create_bucket ? 1 : 0
  bucket = local.bucket_id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "media" {
  count  = var.create_bucket ? 1 : 0
  bucket = local.bucket_id

  rule {
    # A bucket key saves a request to KMS per object.
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "media" {
  count  = var.create_bucket && var.versioning ? 1 : 0
  bucket = local.bucket_id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "media" {
  count  = var.create_bucket ? 1 : 0
  bucket = local.bucket_id

  # A daemon that dies during a multipart upload leaves parts behind, which are invisible but billed. So does a client that
  # does not finish its upload; http.uploads.multipartSeconds must not be longer than this.
  rule {
    id     = "abort-multipart-uploads"
    status = "Enabled"

    filter {
      prefix = ""
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  dynamic "rule" {
    for_each = var.source_expiration_days == null ? [] : [var.source_expiration_days]

    content {
      id     = "expire-sources"
      status = "Enabled"

      filter {
        prefix = var.source_prefix
      }

      expiration {
        days = rule.value
      }

      # With versioning, an expired object is kept as an old version.
      dynamic "noncurrent_version_expiration" {
        for_each = var.versioning ? [1] : []

        content {
          noncurrent_days = noncurrent_version_expiration.value
        }
      }
    }
  }

  dynamic "rule" {
    for_each = var.state_expiration_days == null ? [] : [var.state_expiration_days]

    content {
      id     = "expire-state"
      status = "Enabled"

      filter {
        prefix = var.state_prefix
      }

      expiration {
        days = rule.value
      }
    }
  }

  dynamic "rule" {
    for_each = var.versioning ? [1] : []

    content {
      id     = "expire-old-state"
      status = "Enabled"

      filter {
        prefix = var.state_prefix
      }

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }

      # Removes delete markers, such as those of the self-test at every start. A rule with days removes them too.
      dynamic "expiration" {
        for_each = var.state_expiration_days == null ? [true] : []

        content {
          expired_object_delete_marker = expiration.value
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.media]
}

resource "aws_s3_bucket_cors_configuration" "media" {
  count  = var.create_bucket && length(var.cors_origins) > 0 ? 1 : 0
  bucket = local.bucket_id

  # Permits only presigned uploads by web pages, no reads. Forms are POST requests.
  cors_rule {
    allowed_methods = ["POST", "PUT"]
    allowed_origins = var.cors_origins
    allowed_headers = ["content-type", "x-amz-meta-identity"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3600
  }
}

locals {
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html: parts of a multipart upload have
  # no condition, but its completion does. s3:ObjectCreationOperation distinguishes them.
  unconditional_writes = {
    Sid       = "DenyUnconditionalWrites"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = "${local.bucket_arn}/${var.state_prefix}*"
    Condition = {
      Null = { "s3:if-match" = "true", "s3:if-none-match" = "true" }
      Bool = { "s3:ObjectCreationOperation" = "true" }
    }
  }
  plain_http = {
    Sid       = "DenyPlainHttp"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
  bucket_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.plain_http], [for statement in [local.unconditional_writes] : statement if var.enforce_conditional_writes])
  })
}

resource "aws_s3_bucket_policy" "media" {
  count  = var.create_bucket ? 1 : 0
  bucket = local.bucket_id
  policy = local.bucket_policy

  # S3 rejects one of two concurrent changes of a bucket with a conflict.
  depends_on = [aws_s3_bucket_public_access_block.media]
}
