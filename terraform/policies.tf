# Policies, not users: attach them to the role of an instance, a task or a function. There are no access keys in here.

locals {
  sources   = "${local.bucket_arn}/${var.source_prefix}*"
  state     = "${local.bucket_arn}/${var.state_prefix}*"
  self_test = "${local.bucket_arn}/${var.state_prefix}selftest/*"
  outputs   = [for prefix in var.output_prefixes : "${local.bucket_arn}/${prefix}*"]

  # a PUT needs a data key; to read, and to complete an upload of several parts, it must be opened
  use_key = { for who, actions in { daemon = ["kms:Decrypt", "kms:GenerateDataKey"], uploader = ["kms:GenerateDataKey"], operator = ["kms:Decrypt"] } :
    who => [for arn in [var.kms_key_arn] : { Sid = "UseTheKey", Effect = "Allow", Action = actions, Resource = arn } if arn != null]
  }
}

resource "aws_iam_policy" "daemon" {
  name        = "${var.name}-daemon"
  description = "What a mediad daemon does: take jobs from the queues, read sources, write job documents and results, sign uploads."
  tags        = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        # nothing is listed, but without ListBucket S3 answers 403 instead of 404 for an object that is not there
        Sid      = "TellWhatIsNotThere"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = local.bucket_arn
      },
      {
        Sid      = "ReadSourcesAndWriteResults"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = concat([local.sources, local.state], local.outputs)
      },
      {
        Sid      = "TidyUpBrokenUploads"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload"]
        Resource = local.outputs
      },
      {
        Sid      = "RemoveTheProbeOfEveryStart"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject"]
        Resource = local.self_test
      },
      {
        Sid    = "TakeJobs"
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
        Sid      = "BuryJobs"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
        Resource = aws_sqs_queue.dead.arn
      },
    ], local.use_key.daemon)
  })
}

resource "aws_iam_policy" "uploader" {
  name        = "${var.name}-uploader"
  description = "For a service that only signs uploads: a presigned URL may do what its signer may do."
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
  description = "For people: `mediad jobs`, `mediad requeue` and `mediad dead`. Writes nothing to the bucket, and takes no jobs."
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
        Sid      = "ReadJobs"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${local.bucket_arn}/${var.state_prefix}jobs/*"
      },
      {
        # whether it is there, and which version
        Sid      = "LookAtSources"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = local.sources
      },
      {
        Sid      = "LookAtDeadJobsAndDropThem"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
        Resource = aws_sqs_queue.dead.arn
      },
      {
        Sid      = "RedriveThem"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = aws_sqs_queue.work.arn
      },
    ], local.use_key.operator)
  })
}
