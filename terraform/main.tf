# One bucket, three queues, and the policies for them. Daemons run in modules/fleet or modules/ecs, or anywhere else with the
# output `env` and the policy `daemon`.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Built from the name, so that it also works for an existing bucket.
  bucket_arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket_name}"
  # Resources that depend on the bucket use this id.
  bucket_id = var.create_bucket ? aws_s3_bucket.media[0].id : var.bucket_name
}
