import { decode, ExtData } from '@msgpack/msgpack'
import type { Block, Schema } from './schema.ts'

/** A check that the real provider makes in its code, which is not part of the schema. */
type Rule = { range?: readonly [least: number, most: number]; match?: RegExp; oneOf?: readonly string[]; json?: true }

const arn: Rule = { match: /^arn:[\w-]+:[\w-]+:[\w-]*:(?:\d{12}|aws)?:.+$/ }

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html */
const plainText: Rule = { match: /^[\w .:/()#,@[\]+=&;{}!$*-]{0,255}$/ }

const rules: Readonly<Record<string, Rule>> = {
  'aws_security_group.description': plainText,
  'aws_vpc_security_group_egress_rule.description': plainText,
  'aws_cloudwatch_metric_alarm.alarm_actions': arn,
  'aws_cloudwatch_metric_alarm.ok_actions': arn,
  'aws_iam_role_policy_attachment.policy_arn': arn,
  'aws_launch_template.iam_instance_profile.arn': arn,
  'aws_ecs_task_definition.task_role_arn': arn,
  'aws_ecs_task_definition.execution_role_arn': arn,
  'aws_s3_bucket_notification.queue.queue_arn': arn,
  'aws_sqs_queue.visibility_timeout_seconds': { range: [0, 43_200] },
  'aws_sqs_queue.delay_seconds': { range: [0, 900] },
  'aws_sqs_queue.message_retention_seconds': { range: [60, 1_209_600] },
  'aws_sqs_queue.receive_wait_time_seconds': { range: [0, 20] },
  'aws_sqs_queue.max_message_size': { range: [1024, 1_048_576] },
  'aws_sqs_queue.name': { match: /^[\w-]{1,80}$/ },
  'aws_sqs_queue.redrive_policy': { json: true },
  'aws_sqs_queue_policy.policy': { json: true },
  'aws_s3_bucket_policy.policy': { json: true },
  'aws_iam_policy.policy': { json: true },
  'aws_iam_role.assume_role_policy': { json: true },
  'aws_iam_role_policy.policy': { json: true },
  'aws_autoscaling_policy.policy_type': {
    oneOf: ['SimpleScaling', 'StepScaling', 'TargetTrackingScaling', 'PredictiveScaling'],
  },
  'aws_autoscaling_lifecycle_hook.heartbeat_timeout': { range: [30, 7200] },
}

export type Diagnostic = { readonly summary: string; readonly detail: string }

/** Validates the configuration of a resource or data source. Ignores values that are not known yet. */
export function validate(type: string, schema: Schema, msgpack: Uint8Array): Diagnostic[] {
  return validateBlock(schema.block, decode(msgpack), type)
}

function validateBlock(block: Block, value: unknown, path: string): Diagnostic[] {
  if (!isObject(value)) return []
  const own = Object.entries(block.attributes ?? {}).flatMap(([name, { computed, optional }]) => {
    const given = value[name]
    const at = `${path}.${name}`
    if (given === null || given === undefined) return []
    if (computed && !optional)
      return [{ summary: 'Invalid or unknown key', detail: `${at} is computed by the provider` }]
    return given instanceof ExtData
      ? []
      : [...findViolations(rules[at], given)].map((detail) => toDiagnostic(at, detail))
  })
  const inner = Object.entries(block.block_types ?? {}).flatMap(([name, nested]) =>
    [value[name]].flat().flatMap((one) => validateBlock(nested.block, one, `${path}.${name}`)),
  )
  return [...own, ...inner]
}

function* findViolations(rule: Rule | undefined, value: unknown): Generator<string> {
  if (rule?.range && (Number(value) < rule.range[0] || Number(value) > rule.range[1]))
    yield `must be from ${rule.range[0]} to ${rule.range[1]}`
  // applies to each member of a list
  for (const one of [value].flat())
    if (rule?.match && !(one instanceof ExtData) && !rule.match.test(String(one))) yield `must match ${rule.match}`
  if (rule?.oneOf && !rule.oneOf.includes(String(value))) yield `must be one of ${rule.oneOf.join(', ')}`
  if (rule?.json && !isJson(value)) yield 'must be JSON'
}

function toDiagnostic(at: string, detail: string): Diagnostic {
  return { summary: 'Invalid value', detail: `${at} ${detail}` }
}

function isJson(value: unknown): boolean {
  try {
    return typeof JSON.parse(String(value)) === 'object'
  } catch {
    return false
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof ExtData)
}
