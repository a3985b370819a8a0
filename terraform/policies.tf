# Policies without users: attach them to the role of an instance, a task or a function. Nothing here has access keys.

locals {
  sources   = "${local.bucket_arn}/${var.source_prefix}*"
  state     = "${local.bucket_arn}/${var.state_prefix}*"
  self_test = "${local.bucket_arn}/${var.state_prefix}selftest/*"
  outputs   = [for prefix in var.output_prefixes : "${local.bucket_arn}/${prefix}*"]

  # A PUT needs a data key. Reads and the completion of multipart uploads must decrypt it.
  use_key = { for role, actions in { daemon = ["kms:Decrypt", "kms:GenerateDataKey"], uploader = ["kms:GenerateDataKey"], operator = ["kms:Decrypt", "kms:GenerateDataKey"] } :
    role => [for arn in [var.kms_key_arn] : { Sid = "UseKey", Effect = "Allow", Action = actions, Resource = arn } if arn != null]
  }
}

resource "aws_iam_policy" "daemon" {
  name        = "${var.name}-daemon"
  description = "For mediad daemons: receive jobs from the queues, read sources, write job documents and outputs, sign uploads."
  tags        = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # The daemon lists no objects, but without ListBucket S3 returns 403 instead of 404 for a missing object.
        Sid      = "DetectMissingObjects"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = local.bucket_arn
      },
      {
        Sid      = "ReadSourcesAndWriteOutputs"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = concat([local.sources, local.state], local.outputs)
      },
      {
        Sid      = "AbortMultipartUploads"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload"]
        Resource = local.outputs
      },
      {
        # Clients upload large sources in parts, which the daemon lists, completes and aborts for them.
        Sid      = "EndUploadsOfClients"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = local.sources
      },
      {
        Sid      = "RemoveSelfTestObjects"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = local.self_test
      },
      {
        Sid    = "ReceiveJobs"
        Effect = "Allow"
        Action = [
          "sqs:ChangeMessageVisibility",
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:ReceiveMessage",
          "sqs:SendMessage",
        ]
        Resource = [aws_sqs_queue.work.arn, aws_sqs_queue.in_progress.arn]
      },
      {
        Sid      = "DeadLetterJobs"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
        Resource = aws_sqs_queue.dead.arn
      },
    ], local.use_key.daemon)
  })
}

resource "aws_iam_policy" "uploader" {
  name        = "${var.name}-uploader"
  description = "For a service that only signs uploads: a presigned URL has the permissions of its signer."
  tags        = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid      = "SignUploads"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = local.sources
    }], local.use_key.uploader)
  })
}

resource "aws_iam_policy" "operator" {
  name        = "${var.name}-operator"
  description = "For operators: `mediad jobs`, `mediad requeue` and `mediad dead`. Cannot write sources and outputs, or receive jobs."
  tags        = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "FindJobs"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = local.bucket_arn
      },
      {
        # writes: to mark a job as redriven
        Sid      = "ReadAndMarkJobs"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = "${local.bucket_arn}/${var.state_prefix}jobs/*"
      },
      {
        # to check that a source exists, and its version
        Sid      = "ReadSources"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = local.sources
      },
      {
        Sid      = "ReadAndDropDeadJobs"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
        Resource = aws_sqs_queue.dead.arn
      },
      {
        Sid      = "RedriveJobs"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = aws_sqs_queue.work.arn
      },
    ], local.use_key.operator)
  })
}
