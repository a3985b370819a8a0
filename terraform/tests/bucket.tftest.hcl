mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "private_and_encrypted" {
  assert {
    condition     = aws_s3_bucket.media[0].bucket == "my-media" && aws_s3_bucket.media[0].force_destroy == false
    error_message = "the bucket has the given name, and is not deleted while it has objects"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.media[0].bucket == aws_s3_bucket.media[0].id,
      aws_s3_bucket_public_access_block.media[0].block_public_acls,
      aws_s3_bucket_public_access_block.media[0].block_public_policy,
      aws_s3_bucket_public_access_block.media[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.media[0].restrict_public_buckets,
    ])
    error_message = "all four settings block public access"
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.media[0].rule).object_ownership == "BucketOwnerEnforced"
    error_message = "ACLs are disabled"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.media[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "the bucket is encrypted with S3's own keys"
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.media) == 0 && length(aws_s3_bucket_versioning.media) == 0
    error_message = "by default there are no CORS rules and no versioning"
  }
}

run "kms" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/abcd"
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_server_side_encryption_configuration.media[0].rule : [
      rule.bucket_key_enabled, one(rule.apply_server_side_encryption_by_default).sse_algorithm, one(rule.apply_server_side_encryption_by_default).kms_master_key_id,
    ]]) == jsonencode([[true, "aws:kms", "arn:aws:kms:eu-central-1:123456789012:key/abcd"]])
    error_message = "the bucket is encrypted with the given key and uses a bucket key"
  }
}

run "lifecycle_by_default" {
  assert {
    condition = jsonencode([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : [
      rule.id, rule.status, one(rule.filter).prefix, one(rule.abort_incomplete_multipart_upload[*].days_after_initiation), length(rule.expiration),
    ]]) == jsonencode([["abort-multipart-uploads", "Enabled", "", 1, 0]])
    error_message = "all multipart uploads are aborted after a day, and nothing expires"
  }
}

run "expiry" {
  variables {
    source_expiration_days = 30
    state_expiration_days  = 90
    versioning             = true
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : [
      rule.id, rule.status, one(rule.filter).prefix, one(rule.expiration[*].days), one(rule.noncurrent_version_expiration[*].noncurrent_days),
      ]]) == jsonencode([
      ["abort-multipart-uploads", "Enabled", "", null, null],
      ["expire-sources", "Enabled", "origin_", 30, 1],
      ["expire-state", "Enabled", ".mediad/", 90, null],
      ["expire-old-state", "Enabled", ".mediad/", null, 1],
    ])
    error_message = "sources, job documents and their old versions expire, each under its own prefix; outputs never expire"
  }

  assert {
    condition     = length(flatten([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : rule.expiration if rule.id == "expire-old-state"])) == 0
    error_message = "a rule with days also removes delete markers"
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.media[0].versioning_configuration).status == "Enabled"
    error_message = "versioning = true enables versioning"
  }
}

run "expiry_without_versions" {
  variables {
    source_expiration_days = 30
    state_expiration_days  = 90
  }

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : length(rule.noncurrent_version_expiration) == 0])
    error_message = "without versioning there are no rules for old versions"
  }
}

run "versions_without_expiry" {
  variables {
    versioning = true
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : [
      rule.id, one(rule.filter).prefix, one(rule.expiration[*].expired_object_delete_marker), one(rule.noncurrent_version_expiration[*].noncurrent_days),
      ]]) == jsonencode([
      ["abort-multipart-uploads", "", null, null],
      ["expire-old-state", ".mediad/", true, 1],
    ])
    error_message = "old versions of job documents and delete markers are removed after a day"
  }
}

run "cors" {
  variables {
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_cors_configuration.media[0].cors_rule : [
      sort(rule.allowed_methods), sort(rule.allowed_origins), sort(rule.allowed_headers), sort(rule.expose_headers),
    ]]) == jsonencode([[["POST", "PUT"], ["https://app.example.com"], ["content-type", "x-amz-meta-identity"], ["ETag"]]])
    error_message = "web pages of the given origins can only upload"
  }
}

run "bucket_policy" {
  assert {
    condition     = aws_s3_bucket_policy.media[0].bucket == aws_s3_bucket.media[0].id
    error_message = "the policy belongs to the bucket"
  }

  assert {
    condition = jsonencode(jsondecode(aws_s3_bucket_policy.media[0].policy).Statement) == jsonencode([
      {
        Sid       = "DenyPlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::my-media", "arn:aws:s3:::my-media/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "DenyUnconditionalWrites"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "arn:aws:s3:::my-media/.mediad/*"
        Condition = {
          Null = { "s3:if-match" = "true", "s3:if-none-match" = "true" }
          Bool = { "s3:ObjectCreationOperation" = "true" }
        }
      },
    ])
    error_message = "the policy denies plain http, and unconditional writes under the state prefix except parts of an upload"
  }
}

run "bucket_policy_without_enforcement" {
  variables {
    enforce_conditional_writes = false
  }

  assert {
    condition     = jsonencode(jsondecode(aws_s3_bucket_policy.media[0].policy).Statement[*].Sid) == jsonencode(["DenyPlainHttp"])
    error_message = "enforce_conditional_writes = false removes the statement"
  }
}

run "existing_bucket" {
  variables {
    create_bucket = false
  }

  assert {
    condition = length(concat(
      aws_s3_bucket.media, aws_s3_bucket_public_access_block.media, aws_s3_bucket_ownership_controls.media, aws_s3_bucket_policy.media,
      aws_s3_bucket_server_side_encryption_configuration.media, aws_s3_bucket_lifecycle_configuration.media, aws_s3_bucket_versioning.media,
    )) == 0
    error_message = "an existing bucket is not managed"
  }

  assert {
    condition     = aws_s3_bucket_notification.media[0].bucket == "my-media"
    error_message = "its notification is managed"
  }

  assert {
    condition     = jsonencode(jsondecode(output.bucket_policy).Statement[*].Sid) == jsonencode(["DenyPlainHttp", "DenyUnconditionalWrites"])
    error_message = "the statements for its policy are an output"
  }
}

run "existing_bucket_with_notifications" {
  variables {
    create_bucket       = false
    manage_notification = false
  }

  assert {
    condition     = length(aws_s3_bucket_notification.media) == 0
    error_message = "manage_notification = false leaves the notification unmanaged"
  }

  assert {
    condition     = jsonencode(output.notification) == jsonencode({ events = ["s3:ObjectCreated:*"], filter_prefix = "origin_", queue_arn = "arn:aws:sqs:eu-central-1:123456789012:mediad-work" })
    error_message = "the rule is an output"
  }
}
