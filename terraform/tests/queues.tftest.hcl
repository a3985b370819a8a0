mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "names_and_encryption" {
  assert {
    condition = jsonencode([for queue in [aws_sqs_queue.work, aws_sqs_queue.in_progress, aws_sqs_queue.dead] : [queue.name, queue.sqs_managed_sse_enabled, queue.delay_seconds]]) == jsonencode([
      ["mediad-work", true, 0],
      ["mediad-in-progress", true, 0],
      ["mediad-dead", true, 0],
    ])
    error_message = "the queues are mediad-work, mediad-in-progress and mediad-dead, encrypted with SQS's own keys, without a default delay"
  }
}

run "no_redrive_policy" {
  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.work, aws_sqs_queue.in_progress, aws_sqs_queue.dead] :
      !strcontains(coalesce(queue.redrive_policy, "none"), "deadLetterTargetArn")
    ])
    error_message = "no queue has a redrive policy: a postponed message counts as received, and SQS must not move it"
  }
}

run "retention" {
  variables {
    retention_days = 7
  }

  assert {
    condition     = aws_sqs_queue.work.message_retention_seconds == 604800 && aws_sqs_queue.in_progress.message_retention_seconds == 604800
    error_message = "the work and in-progress queues keep messages for retention_days"
  }

  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds == 1209600
    error_message = "the dead-letter queue keeps messages for 14 days, the maximum of SQS"
  }
}

run "visibility" {
  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.work, aws_sqs_queue.in_progress, aws_sqs_queue.dead] : queue.visibility_timeout_seconds == 30])
    error_message = "the visibility timeout is 30 s, like the daemon's"
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.work, aws_sqs_queue.in_progress, aws_sqs_queue.dead] : queue.receive_wait_time_seconds == 20 && queue.max_message_size == 262144])
    error_message = "the queues have long polls, and messages of up to 256 KiB"
  }
}

run "policy_of_the_work_queue" {
  assert {
    condition     = aws_sqs_queue_policy.work.queue_url == "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work"
    error_message = "the policy belongs to the work queue"
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_sqs_queue_policy.work.policy).Statement : statement if statement.Effect == "Allow"]) == jsonencode([{
      Sid       = "ReceiveNotifications"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:aws:sqs:eu-central-1:123456789012:mediad-work"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::my-media" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    }])
    error_message = "only S3 can send to the work queue, and only for this bucket of this account"
  }
}

run "plain_http" {
  assert {
    condition = jsonencode([for one in [aws_sqs_queue_policy.work, aws_sqs_queue_policy.in_progress, aws_sqs_queue_policy.dead] : [
      one.queue_url, [for statement in jsondecode(one.policy).Statement : statement if statement.Effect == "Deny"],
      ]]) == jsonencode([for name in ["work", "in-progress", "dead"] : [
      "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-${name}", [{
        Sid       = "DenyPlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:mediad-${name}"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
    ]])
    error_message = "every queue denies plain http"
  }

  assert {
    condition     = alltrue([for one in [aws_sqs_queue_policy.in_progress, aws_sqs_queue_policy.dead] : jsondecode(one.policy).Statement[*].Effect == ["Deny"]])
    error_message = "the policies of the other two queues permit nothing"
  }
}

run "notification" {
  variables {
    source_prefix = "uploads/"
  }

  assert {
    condition     = aws_s3_bucket_notification.media[0].bucket == aws_s3_bucket.media[0].id
    error_message = "the notification belongs to the bucket"
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_notification.media[0].queue : [rule.queue_arn, sort(rule.events), rule.filter_prefix, rule.filter_suffix]]) == jsonencode([
      ["arn:aws:sqs:eu-central-1:123456789012:mediad-work", ["s3:ObjectCreated:*"], "uploads/", null],
    ])
    error_message = "the work queue is notified of every object created under the source prefix, and of nothing else"
  }

  assert {
    condition     = length(aws_s3_bucket_notification.media[0].topic) == 0 && length(aws_s3_bucket_notification.media[0].lambda_function) == 0
    error_message = "there are no other targets of notifications"
  }
}
