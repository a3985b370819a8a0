/** One way to break a module, and the run of `terraform/tests` (or the check of the graph) that must notice. */
export type Mutation = {
  readonly name: string
  /** Below `terraform/`. */
  readonly file: string
  /** Must be there once. */
  readonly find: string
  readonly put: string
  /** `file › run`, or `graph`. */
  readonly noticedBy: string
}

const queuePolicy = 'queues › policy_of_the_work_queue'
const daemon = 'policies › daemon'
const tracks = 'scaling › fleet_tracks_jobs_per_instance'

/** [what is broken, what is there, what stands there then, who notices], by file. */
const table: Readonly<Record<string, readonly (readonly [string, string, string, string])[]>> = {
  'queues.tf': [
    [
      'queue policy names another queue',
      'Resource  = aws_sqs_queue.work.arn',
      'Resource  = aws_sqs_queue.dead.arn',
      queuePolicy,
    ],
    [
      'queue policy lies on another queue',
      'queue_url = aws_sqs_queue.work.id',
      'queue_url = aws_sqs_queue.in_progress.id',
      queuePolicy,
    ],
    ['no SourceArn', 'ArnEquals    = { "aws:SourceArn" = local.bucket_arn }', '', queuePolicy],
    [
      'SourceArn of any bucket',
      '"aws:SourceArn" = local.bucket_arn',
      '"aws:SourceArn" = "arn:aws:s3:::*"',
      queuePolicy,
    ],
    [
      'no SourceAccount',
      'StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }',
      '',
      queuePolicy,
    ],
    ['anybody may send', '{ Service = "s3.amazonaws.com" }', '"*"', queuePolicy],
    [
      'redrive on in-progress',
      'name                       = "${var.name}-in-progress"',
      'name = "${var.name}-in-progress"\n  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 5 })',
      'queues › no_redrive_policy',
    ],
    [
      'redrive on work',
      'name                       = "${var.name}-work"',
      'name = "${var.name}-work"\n  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 5 })',
      'queues › no_redrive_policy',
    ],
    ['dead queue forgets early', '= local.max_retention', '= local.retention', 'queues › retention'],
    [
      'retention in the wrong unit',
      '= var.retention_days * local.day_seconds',
      '= var.retention_days * 60 * 60',
      'queues › retention',
    ],
    ['nothing is hidden', 'visible_seconds = 30', 'visible_seconds = 0', 'queues › visibility'],
    ['short polls', 'max_long_poll   = 20', 'max_long_poll   = 0', 'queues › visibility'],
    ['no prefix in the notification', 'filter_prefix = var.source_prefix', '', 'queues › notification'],
    [
      'job documents are notified',
      'filter_prefix = var.source_prefix',
      'filter_prefix = var.state_prefix',
      'queues › notification',
    ],
    ['multipart uploads are not notified', '"s3:ObjectCreated:*"', '"s3:ObjectCreated:Put"', 'queues › notification'],
    [
      'another queue is notified',
      'queue_arn     = aws_sqs_queue.work.arn',
      'queue_arn     = aws_sqs_queue.in_progress.arn',
      'queues › notification',
    ],
    ['notification before the policy', 'depends_on = [aws_sqs_queue_policy.work]', '', 'graph'],
  ],
  'policies.tf': [
    ['wildcard action of S3', 'Action   = ["s3:GetObject", "s3:PutObject"]', 'Action   = ["s3:*"]', daemon],
    ['wildcard action of SQS', '          "sqs:ChangeMessageVisibility",', '          "sqs:*",', daemon],
    ['deletes anywhere', 'Resource = local.self_test', 'Resource = "${local.bucket_arn}/*"', daemon],
    [
      'reads and writes anywhere',
      'Resource = concat([local.sources, local.state], local.outputs)',
      'Resource = "${local.bucket_arn}/*"',
      daemon,
    ],
    [
      'cannot tell what is not there',
      '["s3:ListBucket", "s3:ListBucketMultipartUploads"]',
      '["s3:ListBucketMultipartUploads"]',
      daemon,
    ],
    [
      'reads the dead queue',
      '["sqs:GetQueueAttributes", "sqs:SendMessage"]',
      '["sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]',
      daemon,
    ],
    ['cannot postpone', '          "sqs:ChangeMessageVisibility",\n', '', daemon],
    [
      'no in-progress queue',
      '[aws_sqs_queue.work.arn, aws_sqs_queue.in_progress.arn]',
      '[aws_sqs_queue.work.arn]',
      daemon,
    ],
    [
      'the uploader writes anywhere',
      'Resource = local.sources\n',
      'Resource = "${local.bucket_arn}/*"\n',
      'policies › uploader',
    ],
    [
      'the uploader reads',
      '      Action   = ["s3:PutObject"]',
      '      Action   = ["s3:GetObject", "s3:PutObject"]',
      'policies › uploader',
    ],
    [
      'the uploader decrypts',
      'uploader = ["kms:GenerateDataKey"]',
      'uploader = ["kms:Decrypt", "kms:GenerateDataKey"]',
      'policies › prefixes_and_key',
    ],
  ],
  'bucket.tf': [
    [
      'a public policy is possible',
      'block_public_policy     = true',
      'block_public_policy     = false',
      'bucket › private_and_encrypted',
    ],
    ['ACLs', 'BucketOwnerEnforced', 'ObjectWriter', 'bucket › private_and_encrypted'],
    ['the key is not used', 'kms_master_key_id = var.kms_key_arn', '', 'bucket › kms'],
    [
      'parts stay for ever',
      'days_after_initiation = 1',
      'days_after_initiation = 365',
      'bucket › lifecycle_by_default',
    ],
    ['parts stay, but for sources', 'prefix = ""', 'prefix = var.source_prefix', 'bucket › lifecycle_by_default'],
    ['everything expires with the sources', 'prefix = var.source_prefix', 'prefix = ""', 'bucket › expiry'],
    ['pages may delete', '["PUT"]', '["PUT", "DELETE"]', 'bucket › cors'],
    [
      'If-Match is refused',
      '{ "s3:if-match" = "true", "s3:if-none-match" = "true" }',
      '{ "s3:if-none-match" = "true" }',
      'bucket › bucket_policy',
    ],
    ['parts are refused', 'Bool = { "s3:ObjectCreationOperation" = "true" }', '', 'bucket › bucket_policy'],
    [
      'uploads of clients are refused',
      'Resource  = "${local.bucket_arn}/${var.state_prefix}*"',
      'Resource  = "${local.bucket_arn}/*"',
      'bucket › bucket_policy',
    ],
    [
      'a bucket of others gets a policy',
      'resource "aws_s3_bucket_policy" "media" {\n  count  = var.create_bucket ? 1 : 0',
      'resource "aws_s3_bucket_policy" "media" {\n  count  = 1',
      'bucket › a_bucket_that_is_there',
    ],
  ],
  'outputs.tf': [
    [
      'queues are mixed up',
      'MEDIAD_DEAD_QUEUE_URL        = aws_sqs_queue.dead.url',
      'MEDIAD_DEAD_QUEUE_URL        = aws_sqs_queue.work.url',
      'outputs › env',
    ],
    ['a variable is missing', '    MEDIAD_BUCKET                = var.bucket_name\n', '', 'outputs › env'],
  ],
  'variables.tf': [
    [
      'prefixes may overlap',
      '!startswith(var.state_prefix, var.source_prefix) && !startswith(var.source_prefix, var.state_prefix)',
      'true',
      'validation › state_prefix',
    ],
    [
      'sources expire before their jobs',
      'var.source_expiration_days > var.retention_days',
      'var.source_expiration_days > 0',
      'validation › source_expiration_days',
    ],
  ],
  'alarms.tf': [
    [
      'the wrong queue is watched',
      'dimensions          = { QueueName = aws_sqs_queue.dead.name }',
      'dimensions          = { QueueName = aws_sqs_queue.work.name }',
      'alarms › dead_jobs',
    ],
    [
      'wrong dimension',
      '{ QueueName = metric_query.value.queue }',
      '{ Queue = metric_query.value.queue }',
      'alarms › silent_daemons',
    ],
    [
      'a busy daemon is silent',
      'FILL(swept, 0) + FILL(looked, 0) == 0',
      'FILL(looked, 0) == 0',
      'alarms › silent_daemons',
    ],
  ],
  'modules/backlog/main.tf': [
    ['wrong dimension', 'QueueName = name', 'QueueUrl = name', 'scaling › backlog'],
    ['running jobs are not counted', ', running = var.queues.in_progress.name', '', 'scaling › backlog'],
    ['delayed jobs are not counted', '    delayed = "ApproximateNumberOfMessagesDelayed"\n', '', 'scaling › backlog'],
  ],
  'modules/fleet/main.tf': [
    ['IMDSv1', '"required"', '"optional"', 'fleet › metadata_is_v2_only'],
    [
      'credentials reach containers',
      'http_put_response_hop_limit = 1',
      'http_put_response_hop_limit = 2',
      'fleet › metadata_is_v2_only',
    ],
    ['hook at launch', 'EC2_INSTANCE_TERMINATING', 'EC2_INSTANCE_LAUNCHING', 'fleet › termination_hook'],
    [
      'hook shorter than the grace time',
      'hook_seconds = var.grace_seconds + 60',
      'hook_seconds = 60',
      'fleet › termination_hook',
    ],
    [
      'systemd kills too early',
      'stop_seconds = var.grace_seconds + 30',
      'stop_seconds = 60',
      'fleet › termination_hook',
    ],
    ['the cheapest spot pool', 'price-capacity-optimized', 'lowest-price', 'fleet › group'],
    ['no rebalancing', 'capacity_rebalance  = true', 'capacity_rebalance  = false', 'fleet › group'],
    [
      'the group does not report',
      '["GroupDesiredCapacity", "GroupInServiceInstances"]',
      '["GroupDesiredCapacity"]',
      'fleet › group',
    ],
    ['no policy on the role', 'policy_arn = var.daemon_policy_arn', 'policy_arn = var.vpc_id', 'fleet › role'],
    [
      'a disk in the clear',
      'encrypted             = "true"',
      'encrypted             = "false"',
      'fleet › launch_template',
    ],
    ['everything may go out', 'ip_protocol       = "tcp"', 'ip_protocol       = "-1"', 'fleet › nobody_in'],
    ['no GPU for the daemon', 'var.gpu ? ["PrivateDevices=no"] : []', '[]', 'fleet › gpu'],
    ['no region', '{ AWS_REGION = data.aws_region.current.region }', '{}', 'fleet › user_data'],
  ],
  'modules/fleet/scaling.tf': [
    [
      'wrong dimension of the group',
      '{ AutoScalingGroupName = aws_autoscaling_group.daemons.name }\n      stat       = "Average"\n    }\n    wanted',
      '{ GroupName = aws_autoscaling_group.daemons.name }\n      stat       = "Average"\n    }\n    wanted',
      tracks,
    ],
    [
      'two results',
      '          id          = metrics.key\n          return_data = false',
      '          id          = metrics.key\n          return_data = true',
      tracks,
    ],
    ['division by zero', 'IF(FILL(running, 0) > 0, FILL(running, 0), 1)', 'FILL(running, 0)', tracks],
    ['busy instances are ended', 'disable_scale_in = !var.scale_in_while_busy', 'disable_scale_in = false', tracks],
    [
      'never wakes',
      '"IF(FILL(wanted, 0) < 1 AND ${module.backlog.expression} > 0, 1, 0)"',
      '"IF(FILL(wanted, 0) > 1 AND ${module.backlog.expression} > 0, 1, 0)"',
      'scaling › fleet_wakes_and_rests',
    ],
    [
      'rests while jobs run',
      '${module.backlog.expression} == 0, 1, 0)',
      'FILL(work_visible, 0) == 0, 1, 0)',
      'scaling › fleet_wakes_and_rests',
    ],
  ],
  'modules/ecs/main.tf': [
    ['killed too early', 'min(120, var.grace_seconds + 30)', '30', 'ecs › stop_timeout'],
    [
      'the daemon has ECS’s rights',
      'role       = aws_iam_role.task.name',
      'role       = aws_iam_role.execution.name',
      'ecs › roles',
    ],
    [
      'tasks of others take the role',
      'StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }',
      '',
      'ecs › roles',
    ],
    ['a writable root', 'readonlyRootFilesystem = true', 'readonlyRootFilesystem = false', 'ecs › container'],
    ['no count of tasks', 'value = "enabled"', 'value = "disabled"', 'ecs › service'],
  ],
}

export const mutations: readonly Mutation[] = Object.entries(table).flatMap(([file, rows]) =>
  rows.map(([name, find, put, noticedBy]) => ({ name: `${file}: ${name}`, file, find, put, noticedBy })),
)
