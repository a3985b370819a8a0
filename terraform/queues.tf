locals {
  day_seconds     = 24 * 60 * 60
  retention       = var.retention_days * local.day_seconds
  max_retention   = 14 * local.day_seconds
  max_long_poll   = 20
  max_message     = 256 * 1024
  visible_seconds = 30
}

# Fed by S3 and by daemons. No redrive policy, here and on in-progress: waiting counts as receiving, so SQS would move healthy
# jobs away. Daemons state the visibility timeout with every request; what stands here is for whoever else looks.

resource "aws_sqs_queue" "work" {
  name                       = "${var.name}-work"
  visibility_timeout_seconds = local.visible_seconds
  message_retention_seconds  = local.retention
  receive_wait_time_seconds  = local.max_long_poll
  max_message_size           = local.max_message
  delay_seconds              = 0
  sqs_managed_sse_enabled    = true
  tags                       = var.tags
}

# The records of running jobs.
resource "aws_sqs_queue" "in_progress" {
  name                       = "${var.name}-in-progress"
  visibility_timeout_seconds = local.visible_seconds
  message_retention_seconds  = local.retention
  receive_wait_time_seconds  = local.max_long_poll
  max_message_size           = local.max_message
  delay_seconds              = 0
  sqs_managed_sse_enabled    = true
  tags                       = var.tags
}

# Buried jobs, for people to look at: kept as long as SQS keeps anything.
resource "aws_sqs_queue" "dead" {
  name                       = "${var.name}-dead"
  visibility_timeout_seconds = local.visible_seconds
  message_retention_seconds  = local.max_retention
  receive_wait_time_seconds  = local.max_long_poll
  max_message_size           = local.max_message
  delay_seconds              = 0
  sqs_managed_sse_enabled    = true
  tags                       = var.tags
}

locals {
  plain_http_to = { for key, queue in { work = aws_sqs_queue.work, in_progress = aws_sqs_queue.in_progress, dead = aws_sqs_queue.dead } : key => {
    Sid       = "RefusePlainHttp"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Resource  = queue.arn
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }
}

# S3 may send to work, and only for this bucket of this account: the name of a deleted bucket may become somebody else's.
resource "aws_sqs_queue_policy" "work" {
  queue_url = aws_sqs_queue.work.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TakeNotifications"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.work.arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.bucket_arn }
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }, local.plain_http_to.work]
  })
}

resource "aws_sqs_queue_policy" "in_progress" {
  queue_url = aws_sqs_queue.in_progress.id
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.plain_http_to.in_progress] })
}

resource "aws_sqs_queue_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id
  policy    = jsonencode({ Version = "2012-10-17", Statement = [local.plain_http_to.dead] })
}

resource "aws_s3_bucket_notification" "media" {
  count  = var.manage_notification ? 1 : 0
  bucket = local.bucket_id

  queue {
    id            = "${var.name}-work"
    queue_arn     = aws_sqs_queue.work.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = var.source_prefix
  }

  # S3 sends a test event when the rule is made, and refuses the rule when it may not
  depends_on = [aws_sqs_queue_policy.work]
}
