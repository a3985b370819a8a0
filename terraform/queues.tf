locals {
  day_seconds     = 24 * 60 * 60
  retention       = var.retention_days * local.day_seconds
  max_retention   = 14 * local.day_seconds
  max_long_poll   = 20
  max_message     = 256 * 1024
  visible_seconds = 30
}

# Receives messages from S3 and from daemons. The work and in-progress queues have no redrive policy: a postponed message
# counts as received, so SQS would move healthy jobs away. Daemons set the visibility timeout in every request; the values
# here apply to other clients.
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

# Holds the in-progress messages of running jobs.
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

# The dead-letter queue, for operators. Keeps messages for the maximum time of SQS.
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
    Sid       = "DenyPlainHttp"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Resource  = queue.arn
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }
}

# S3 can send to the work queue only for this bucket of this account: the name of a deleted bucket can be reused by others.
resource "aws_sqs_queue_policy" "work" {
  queue_url = aws_sqs_queue.work.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ReceiveNotifications"
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

  # S3 sends a test event when the rule is created, and rejects the rule without the permission.
  depends_on = [aws_sqs_queue_policy.work]
}
