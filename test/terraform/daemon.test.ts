/**
 * What Terraform makes is what the daemon needs, both ways; and a daemon does its work on bucket and queues that are made
 * from Terraform's own attributes, with no more rights than its policy gives.
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
const test = suite('terraform and the daemon')
const check = (name: string, body: () => Promise<void>) =>
  missing === null ? test(name, body) : test.skip(name, missing)

const ACCOUNT = '000000000000' // the embedded SQS's
const REGION = 'us-east-1'
const names = { work: 'film-work', in_progress: 'film-in-progress', dead: 'film-dead' }
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
    const decided = queues.map(([key, name]) => [
      `aws_sqs_queue.${key}`,
      { id: toUrl(name), url: toUrl(name), arn: toArn(name) },
    ])
    topology = await resolveTopology(terraform, {
      variables: { bucket_name: 'films', name: 'film' },
      decided: Object.fromEntries(decided),
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

check('the output env is what media.config.ts reads, no more and no less', async () => {
  const config = readFileSync(join(root, 'media.config.ts'), 'utf8')
  const wanted = [...config.matchAll(/\benv\('(\w+)'/g)].map(([, name]) => name)
  assert.equal(Object.keys(topology.output('env') as object).toSorted(), wanted.toSorted())
})

check('the daemon’s policy allows the actions of the commands in its code, no more and no less', async () => {
  const allowed = new Set(policy.Statement.flatMap(({ Action }) => Action))
  // without ListBucket, S3 answers 403 for what is not there
  const used = new Set([...findActions(root, 'daemon/cli/start.ts'), 's3:ListBucket'])
  assert.equal([...allowed].toSorted(), [...used].toSorted())
})

check('the uploader’s policy allows what a presigned upload does, and nothing else', async () => {
  const uploader = JSON.parse(String(topology.resource('aws_iam_policy.uploader').policy)) as Policy
  const signed = readFileSync(join(root, 'daemon/storage/presign.ts'), 'utf8').match(/(?<=new )\w+Command(?=\()/g)
  assert.equal(signed, ['PutObjectCommand'])
  assert.equal(
    uploader.Statement.flatMap(({ Action }) => Action),
    ['s3:PutObject'],
  )
  assert.is(findAllowing(uploader, 's3:PutObject', 'arn:aws:s3:::films/origin_a.mp4').length, 1)
  assert.is(findAllowing(uploader, 's3:PutObject', 'arn:aws:s3:::films/cvted_a.mp4').length, 0)
})

check('the operator’s policy is the documented one', async () => {
  const operator = JSON.parse(String(topology.resource('aws_iam_policy.operator').policy)) as Policy
  const documented = readDocs(root).marked('docs/operating.md', 'policy', 'operator')
  const here = documented
    .replaceAll('my-media', 'films')
    .replaceAll('eu-central-1:123456789012:mediad', `${REGION}:${ACCOUNT}:film`)
  assert.equal(
    operator.Statement.map(({ Effect, Action, Resource }) => ({ Effect, Action, Resource })),
    (JSON.parse(here) as Policy).Statement,
  )
})

check('there is nothing in the root module that moves messages by itself', async () => {
  assert.equal(
    topology.addresses.filter((address) => /redrive|pipe|subscription/.test(address)),
    [],
  )
})

check('a daemon does a job, and buries one, on what Terraform made, with the rights of its policy', async () => {
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
  const answer = await fetch(`${url}/video/pre-signed-url`, { method: 'POST' })
  const { key, preSignedUrl } = (await answer.json()) as Record<'key' | 'preSignedUrl', string>
  assert.is((await fetch(preSignedUrl, { method: 'PUT', body: await tinyVideo() })).status, 200)
  await upload(bucket, 'origin_broken.mp4', 'this is no film')

  assert.is((await over(bucket, key)).state, 'succeeded')
  assert.is((await over(bucket, 'origin_broken.mp4')).state, 'dead')
  assert.is((await fetch(`${url}/ready`)).status, 200)
  assert.is(await daemon.stop(), 0)

  assert.equal([...new Set(router.passed)].toSorted(), [key, 'origin_broken.mp4'].toSorted())
  assert.ok(
    router.held.some((held) => held.startsWith('.mediad/')) && router.held.some((held) => held.startsWith('cvted_')),
  )
  checkRights(proxy.calls)
})

/** Every call is allowed, every statement is needed, and no write below the state prefix is one that the bucket refuses. */
function checkRights(calls: readonly Call[]): void {
  const needed = calls.filter(({ key }) => key !== '').map(toNeeded)
  const denied = needed.filter(({ action, resource }) => findAllowing(policy, action, resource).length === 0)
  assert.equal(denied, [])
  const used = new Set(needed.flatMap(({ action, resource }) => findAllowing(policy, action, resource)))
  const idle = policy.Statement.filter(({ Sid = '' }) => !used.has(Sid)).map(({ Sid }) => Sid)
  // what no request names, and what takes a daemon that died inside an upload
  assert.equal(idle, ['TellWhatIsNotThere', 'TidyUpBrokenUploads'])
  const writes = calls.filter(({ op, key }) => op === 'PUT' && key.startsWith('.mediad/'))
  assert.ok(writes.length > 5)
  assert.equal(
    writes.filter(({ conditional }) => !conditional),
    [],
  )
}

const steps: Readonly<Record<string, string>> = { GET: 's3:GetObject', HEAD: 's3:GetObject', DELETE: 's3:DeleteObject' }

function toNeeded({ service, op, key }: Call): { action: string; resource: string } {
  if (service === 'sqs') return { action: `sqs:${op}`, resource: toArn(key.replace(/^.*\//, '')) }
  return { action: steps[op] ?? 's3:PutObject', resource: `arn:aws:s3:::films/${key}` }
}

/** With the attributes that Terraform gives; returns the name in its URL. */
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

/** The document of the job for a key, once it is over. */
function over(bucket: string, key: string): Promise<JobDocument> {
  return until(`${key} is over`, async () => {
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
