# One bucket, three queues, and who may do what with them. Nothing here runs: daemons are in modules/fleet and modules/ecs,
# or wherever else you start them with the output `env` and the policy `daemon`.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # built, not looked up: the same for a bucket that is there already
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket_name}"
  # what must wait for the bucket waits for this
  bucket_id = var.create_bucket ? aws_s3_bucket.media[0].id : var.bucket_name
}
