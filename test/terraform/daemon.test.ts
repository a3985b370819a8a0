/**
 * Checks that Terraform creates exactly what the daemon needs, and that a daemon works with a bucket and queues created from
 * Terraform's attributes, with only the permissions of its policy.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, GetObjectCommand, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3'
import { CreateQueueCommand } from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { openFaultProxy, type FaultProxy } from '../faults/proxy.ts'
import type { Call } from '../faults/calls.ts'
import { startCloud, type Cloud } from '../helpers/cloud.ts'
import { readDocs } from '../helpers/markdown.ts'
import { tinyVideo } from '../helpers/media.ts'
import { findActions, findAllowing, type Policy } from '../helpers/permissions.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'
import { until } from '../helpers/wait.ts'
import { startRouter } from './router.ts'
import { resolveTopology, type Topology } from './topology.ts'

const root = join(import.meta.dirname, '../..')
const missing = findTerraformSkipReason()
const test = suite('terraform and the daemon', { exhaustive: true })
const check = (name: string, body: () => Promise<void>) =>
  missing === null ? test(name, body) : test.skip(name, missing)

const ACCOUNT = '000000000000' // account of the embedded SQS
const REGION = 'us-east-1'
const names = { work: 'video-work', in_progress: 'video-in-progress', dead: 'video-dead' }
const queues = Object.entries(names)
const toArn = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`

let terraform: Terraform
let cloud: Cloud
let proxy: FaultProxy
let topology: Topology
let policy: Policy

if (missing === null) {
  test.before(async () => {
    terraform = await openTerraform()
    cloud = await startCloud({ quietPrefixes: [] })
    proxy = await openFaultProxy({ s3: cloud.local.s3Endpoint, sqs: cloud.local.sqsEndpoint })
    const toUrl = (name: string) => `${proxy.sqsUrl}/${ACCOUNT}/${name}`
    const computed = queues.map(([key, name]) => [
      `aws_sqs_queue.${key}`,
      { id: toUrl(name), url: toUrl(name), arn: toArn(name) },
    ])
    topology = await resolveTopology(terraform, {
      variables: { bucket_name: 'videos', name: 'video' },
      computed: Object.fromEntries(computed),
      account: ACCOUNT,
      region: REGION,
    })
    policy = JSON.parse(String(topology.resource('aws_iam_policy.daemon').policy)) as Policy
  })
  test.after(async () => {
    await proxy[Symbol.asyncDispose]()
    await cloud[Symbol.asyncDispose]()
    await terraform[Symbol.asyncDispose]()
  })
}

check('the output env has exactly the variables that media.config.ts reads', async () => {
  const config = readFileSync(join(root, 'media.config.ts'), 'utf8')
  const wanted = [...config.matchAll(/\benv\('(\w+)'/g)].map(([, name]) => name)
  assert.equal(Object.keys(topology.output('env') as object).toSorted(), wanted.toSorted())
})

check('the policy of the daemon allows exactly the actions of the commands in its code', async () => {
  const allowed = new Set(policy.Statement.flatMap(({ Action }) => Action))
  // without ListBucket, S3 responds with 403 for objects that do not exist
  const used = new Set([...findActions(root, 'daemon/cli/start.ts'), 's3:ListBucket'])
  assert.equal([...allowed].toSorted(), [...used].toSorted())
})

check('the policy of the uploader allows only presigned uploads', async () => {
  const uploader = JSON.parse(String(topology.resource('aws_iam_policy.uploader').policy)) as Policy
  const code = readFileSync(join(root, 'daemon/storage/presign.ts'), 'utf8')
  const uploads = code.slice(
    code.indexOf('export function createPresign('),
    code.indexOf('export function createPresignGet('),
  )
  assert.equal(uploads.match(/(?<=new )\w+Command(?=\()/g), ['PutObjectCommand'])
  assert.equal(
    uploader.Statement.flatMap(({ Action }) => Action),
    ['s3:PutObject'],
  )
  assert.is(findAllowing(uploader, 's3:PutObject', 'arn:aws:s3:::videos/origin_a.mp4').length, 1)
  assert.is(findAllowing(uploader, 's3:PutObject', 'arn:aws:s3:::videos/cvted_a.mp4').length, 0)
})

check('the policy of the operator is the documented one', async () => {
  const operator = JSON.parse(String(topology.resource('aws_iam_policy.operator').policy)) as Policy
  const documented = readDocs(root).marked('docs/operating.md', 'policy', 'operator')
  const expected = documented
    .replaceAll('my-media', 'videos')
    .replaceAll('eu-central-1:123456789012:mediad', `${REGION}:${ACCOUNT}:video`)
  assert.equal(
    operator.Statement.map(({ Effect, Action, Resource }) => ({ Effect, Action, Resource })),
    (JSON.parse(expected) as Policy).Statement,
  )
})

check('nothing in the root module moves messages by itself', async () => {
  assert.equal(
    topology.addresses.filter((address) => /redrive|pipe|subscription/.test(address)),
    [],
  )
})

check(
  'a daemon finishes one job and dead-letters another with the resources and permissions of Terraform',
  async () => {
    for (const [key, name] of queues) assert.is(await createQueue(topology.resource(`aws_sqs_queue.${key}`)), name)
    const bucket = String(topology.resource('aws_s3_bucket.media[0]').bucket)
    await cloud.s3.send(new CreateBucketCommand({ Bucket: bucket }))
    const { queue } = topology.resource('aws_s3_bucket_notification.media[0]')
    const [rule, ...more] = queue as { queue_arn: string; events: string[]; filter_prefix: string }[]
    assert.ok(rule && more.length === 0)
    const target = queues.find(([, name]) => toArn(name) === rule.queue_arn)?.[1]
    const queueUrl = `${cloud.local.sqsEndpoint}/${ACCOUNT}/${target}`
    await using router = startRouter(cloud, { events: rule.events, prefix: rule.filter_prefix, queueUrl })
    await using daemon = await startMediad(['start', '--port', '0', '--config', join(root, 'media.config.ts')], {
      env: {
        ...cloud.local.env,
        AWS_ENDPOINT_URL_S3: proxy.s3Url,
        AWS_ENDPOINT_URL_SQS: proxy.sqsUrl,
        ...(topology.output('env') as Record<string, string>),
        AWS_REGION: String(topology.output('region')),
      },
    })
    const url = await daemon.started()
    const response = await fetch(`${url}/video/pre-signed-url`, { method: 'POST' })
    const { key, preSignedUrl } = (await response.json()) as Record<'key' | 'preSignedUrl', string>
    assert.is((await fetch(preSignedUrl, { method: 'PUT', body: await tinyVideo() })).status, 200)
    await upload(bucket, 'origin_broken.mp4', 'not a video')

    assert.is((await waitUntilFinished(bucket, key)).state, 'succeeded')
    assert.is((await waitUntilFinished(bucket, 'origin_broken.mp4')).state, 'dead')
    assert.is((await fetch(`${url}/ready`)).status, 200)
    assert.is(await daemon.stop(), 0)

    assert.equal([...new Set(router.passed)].toSorted(), [key, 'origin_broken.mp4'].toSorted())
    assert.ok(
      router.dropped.some((name) => name.startsWith('.mediad/')) &&
        router.dropped.some((name) => name.startsWith('cvted_')),
    )
    checkPermissions(proxy.calls)
  },
)

/** Checks that the policy allows every call, that every statement is needed, and that the bucket policy allows every state write. */
function checkPermissions(calls: readonly Call[]): void {
  const needed = calls.filter(({ key }) => key !== '').map(toPermission)
  const denied = needed.filter(({ action, resource }) => findAllowing(policy, action, resource).length === 0)
  assert.equal(denied, [])
  const used = new Set(needed.flatMap(({ action, resource }) => findAllowing(policy, action, resource)))
  const unused = policy.Statement.filter(({ Sid = '' }) => !used.has(Sid)).map(({ Sid }) => Sid)
  // needed for the status 404, after the death of a daemon during a multipart upload, and for clients that upload in parts
  assert.equal(unused, ['DetectMissingObjects', 'AbortMultipartUploads', 'EndUploadsOfClients'])
  const writes = calls.filter(({ op, key }) => op === 'PUT' && key.startsWith('.mediad/'))
  assert.ok(writes.length > 5)
  assert.equal(
    writes.filter(({ conditional }) => !conditional),
    [],
  )
}

const actions: Readonly<Record<string, string>> = {
  GET: 's3:GetObject',
  HEAD: 's3:GetObject',
  DELETE: 's3:DeleteObject',
}

function toPermission({ service, op, key }: Call): { action: string; resource: string } {
  if (service === 'sqs') return { action: `sqs:${op}`, resource: toArn(key.replace(/^.*\//, '')) }
  return { action: actions[op] ?? 's3:PutObject', resource: `arn:aws:s3:::videos/${key}` }
}

/** Creates a queue with the attributes of Terraform. Returns the name in its URL. */
async function createQueue(attributes: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const { QueueUrl } = await cloud.sqs.send(
    new CreateQueueCommand({
      QueueName: String(attributes.name),
      Attributes: {
        VisibilityTimeout: String(attributes.visibility_timeout_seconds),
        MessageRetentionPeriod: String(attributes.message_retention_seconds),
        ReceiveMessageWaitTimeSeconds: String(attributes.receive_wait_time_seconds),
        DelaySeconds: String(attributes.delay_seconds),
        MaximumMessageSize: String(attributes.max_message_size),
        SqsManagedSseEnabled: String(attributes.sqs_managed_sse_enabled),
      },
    }),
  )
  return QueueUrl?.split('/').at(-1)
}

async function upload(Bucket: string, Key: string, Body: string): Promise<void> {
  await cloud.s3.send(new PutObjectCommand({ Bucket, Key, Body }))
}

/** Waits until the job for a key is finished, and returns its document. */
function waitUntilFinished(bucket: string, key: string): Promise<JobDocument> {
  return until(`the job for ${key} is finished`, async () => {
    const document = await readDocument(bucket, `.mediad/jobs/${toJobId(bucket, key)}.json`)
    return document?.state === 'succeeded' || document?.state === 'dead' ? document : null
  })
}

async function readDocument(Bucket: string, Key: string): Promise<JobDocument | null> {
  try {
    const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket, Key }))
    return JSON.parse((await Body?.transformToString()) ?? '') as JobDocument
  } catch (error) {
    if (error instanceof NoSuchKey) return null
    throw error
  }
}
