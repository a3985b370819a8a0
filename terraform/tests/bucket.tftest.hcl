mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "private_and_encrypted" {
  assert {
    condition     = aws_s3_bucket.media[0].bucket == "my-media" && aws_s3_bucket.media[0].force_destroy == false
    error_message = "the bucket has the given name, and is not deleted with its objects"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.media[0].bucket == aws_s3_bucket.media[0].id,
      aws_s3_bucket_public_access_block.media[0].block_public_acls,
      aws_s3_bucket_public_access_block.media[0].block_public_policy,
      aws_s3_bucket_public_access_block.media[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.media[0].restrict_public_buckets,
    ])
    error_message = "public access is blocked in all four ways"
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.media[0].rule).object_ownership == "BucketOwnerEnforced"
    error_message = "there are no ACLs"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.media[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "encrypted with S3's own keys"
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.media) == 0 && length(aws_s3_bucket_versioning.media) == 0
    error_message = "no browser may upload, and no versions are kept, unless asked for"
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
    error_message = "encrypted with the given key, by way of a bucket key"
  }
}

run "lifecycle_by_default" {
  assert {
    condition = jsonencode([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : [
      rule.id, rule.status, one(rule.filter).prefix, one(rule.abort_incomplete_multipart_upload[*].days_after_initiation), length(rule.expiration),
    ]]) == jsonencode([["abort-multipart-uploads", "Enabled", "", 1, 0]])
    error_message = "multipart uploads are aborted after a day, everywhere, and nothing expires"
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
    error_message = "sources, state and their old versions expire, each under its own prefix; results never do"
  }

  assert {
    condition     = length(flatten([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : rule.expiration if rule.id == "expire-old-state"])) == 0
    error_message = "the rule with days takes what deletions leave along"
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.media[0].versioning_configuration).status == "Enabled"
    error_message = "versions are kept when asked for"
  }
}

run "expiry_without_versions" {
  variables {
    source_expiration_days = 30
    state_expiration_days  = 90
  }

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.media[0].rule : length(rule.noncurrent_version_expiration) == 0])
    error_message = "there are no old versions to expire"
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
    error_message = "old job documents, and what is left of deleted objects, go after a day"
  }
}

run "cors" {
  variables {
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_cors_configuration.media[0].cors_rule : [
      sort(rule.allowed_methods), sort(rule.allowed_origins), sort(rule.allowed_headers), sort(rule.expose_headers),
    ]]) == jsonencode([[["PUT"], ["https://app.example.com"], ["content-type"], ["ETag"]]])
    error_message = "pages of the given origins may PUT, and no more"
  }
}

run "bucket_policy" {
  assert {
    condition     = aws_s3_bucket_policy.media[0].bucket == aws_s3_bucket.media[0].id
    error_message = "the bucket's own policy"
  }

  assert {
    condition = jsonencode(jsondecode(aws_s3_bucket_policy.media[0].policy).Statement) == jsonencode([
      {
        Sid       = "RefusePlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::my-media", "arn:aws:s3:::my-media/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "RefuseUnconditionalWrites"
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
    error_message = "plain http is refused, and below the state prefix every write without a condition, but for the parts of an upload"
  }
}

run "bucket_policy_without_enforcement" {
  variables {
    enforce_conditional_writes = false
  }

  assert {
    condition     = jsonencode(jsondecode(aws_s3_bucket_policy.media[0].policy).Statement[*].Sid) == jsonencode(["RefusePlainHttp"])
    error_message = "conditional writes are enforced only when asked for"
  }
}

run "a_bucket_that_is_there" {
  variables {
    create_bucket = false
  }

  assert {
    condition = length(concat(
      aws_s3_bucket.media, aws_s3_bucket_public_access_block.media, aws_s3_bucket_ownership_controls.media, aws_s3_bucket_policy.media,
      aws_s3_bucket_server_side_encryption_configuration.media, aws_s3_bucket_lifecycle_configuration.media, aws_s3_bucket_versioning.media,
    )) == 0
    error_message = "nothing of the bucket is touched"
  }

  assert {
    condition     = aws_s3_bucket_notification.media[0].bucket == "my-media"
    error_message = "but its notification"
  }

  assert {
    condition     = jsonencode(jsondecode(output.bucket_policy).Statement[*].Sid) == jsonencode(["RefusePlainHttp", "RefuseUnconditionalWrites"])
    error_message = "its owner is told what its policy should say"
  }
}

run "a_bucket_that_notifies_others" {
  variables {
    create_bucket       = false
    manage_notification = false
  }

  assert {
    condition     = length(aws_s3_bucket_notification.media) == 0
    error_message = "the notification is left alone, too"
  }

  assert {
    condition     = jsonencode(output.notification) == jsonencode({ events = ["s3:ObjectCreated:*"], filter_prefix = "origin_", queue_arn = "arn:aws:sqs:eu-central-1:123456789012:mediad-work" })
    error_message = "and the rule is an output"
  }
}
