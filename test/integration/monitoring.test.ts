/** Metrics, log lines, job documents and spans of one daemon, whose jobs end in every way. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { startCollector, type CollectedSpan } from '../helpers/collector.ts'
import { startFleet, type Fleet } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { readSamples, sampleOf } from '../helpers/metrics.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const test = suite('monitoring')

/** A chain whose jobs end as the keys of their sources say. */
const code = `
const copy = definePlugin('copy', z.object({}), () => ({
  keys: ['copied_{name}.mp4'],
  async run({ source, workspace, ffmpeg, add }) {
    if (source.key.includes('reject')) throw new MediadError('acme.forbidden', 'not allowed', { verdict: 'reject' })
    if (source.key.includes('exhaust')) throw new Error('fails')
    const path = join(workspace, 'copied.mp4')
    await ffmpeg({ outputs: [{ path, options: ['-c', 'copy'] }] })
    await add(path, 'video', { key: 'copied_{name}.mp4', contentType: 'video/mp4' })
  },
}))
`
const keys = ['one', 'reject', 'exhaust'].map((name) => `origin_${name}.mp4`)
const incoming = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const traceparent = `00-${incoming.traceId}-${incoming.spanId}-01`

test('metrics, log lines, spans and mediad jobs agree about jobs of all ends', async () => {
  await using collector = await startCollector()
  await using fleet = await startFleet({
    code,
    chain: '[copy(), upload()]',
    more: 'job: { attempts: 2, leaseSeconds: 12, recheckSeconds: 1, backoffSeconds: 1 }',
    env: {
      MEDIAD_METRICS: 'port',
      MEDIAD_METRICS_PORT: '0',
      NODE_OPTIONS: `--import ${join(root, 'examples/tracing/tracing.ts')}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    },
  })
  const [daemon] = fleet.daemons
  const listening = await daemon?.waitFor('metrics.listening')
  await fleet.notify('not JSON')
  for (const key of keys) await fleet.cloud.put(key, await tinyVideo())
  for (const key of keys) await fleet.waitUntilFinished(key)
  await fleet.waitUntilDrained()
  await checkMetrics(fleet, String(listening?.url))
  await sendTraced(fleet, keys[0] ?? '')
  await fleet.waitUntilDrained()
  assert.is(await daemon?.stop(), 0)
  checkSpans(collector.spans)
})

/** Sends a second notification of an upload, in a trace of the sender. */
async function sendTraced({ cloud, document }: Fleet, key: string): Promise<void> {
  const found = await document(key)
  assert.ok(found)
  await cloud.sqs.send(
    new SendMessageCommand({
      QueueUrl: cloud.local.queueUrls.work,
      MessageBody: toNotificationBody(found.source),
      MessageAttributes: { traceparent: { DataType: 'String', StringValue: traceparent } },
    }),
  )
}

async function checkMetrics(fleet: Fleet, url: string): Promise<void> {
  const response = await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })
  assert.match(response.headers.get('content-type') ?? '', 'openmetrics')
  const samples = readSamples(await response.text())
  const get = (name: string, labels: Record<string, string> = {}) => sampleOf(samples, `mediad_${name}`, labels)
  const states = {
    processing: 'job.started',
    succeeded: 'job.succeeded',
    failed: 'job.failed',
    dead: 'job.dead_lettered',
  }
  const counted = Object.keys(states).map((state) => get('jobs_total', { state }))
  assert.equal(
    counted,
    Object.values(states).map((event) => fleet.countEvents(event)),
  )
  const jobs = await listJobs(fleet)
  assert.equal(counted, [4, jobs.succeeded, 1, jobs.dead])
  assert.equal(jobs, { succeeded: 1, dead: 2 })
  assert.equal(
    [
      get('verdicts_total', { verdict: 'retry', code: 'internal.plugin' }),
      get('verdicts_total', { verdict: 'reject', code: 'other' }),
    ],
    [2, 1],
  )
  assert.is(get('dead_lettered_messages_total', { queue: 'work' }), fleet.countEvents('message.dead_lettered'))
  assert.is(get('queue_received_messages_total', { queue: 'work' }), 5 + fleet.countEvents('message.ignored'))
  assert.is(get('plugin_duration_seconds_count', { plugin: 'copy' }), 4)
  const documents = await Promise.all(keys.map((key) => fleet.document(key)))
  const succeeded = documents.flatMap((one) => (one?.state === 'succeeded' ? [one] : []))
  assert.is(get('source_bytes_total'), sum(succeeded.map(({ source }) => source.sizeBytes)))
  assert.is(
    get('output_bytes_total'),
    sum(succeeded.flatMap(({ outputs }) => outputs.map(({ sizeBytes }) => sizeBytes))),
  )
  const seconds = sum(succeeded.map(({ media }) => media?.durationSeconds ?? 0))
  assert.ok(Math.abs((get('media_seconds_total') ?? 0) - seconds) < 0.001)
  assert.equal([get('slots_used', { queue: 'work' }), get('slots_free', { queue: 'work' })], [0, 2])
  assert.is(get('circuit_open', { queue: 'work' }), 0)
  assert.ok((get('workspace_bytes') ?? 0) < 10_000, 'no workspace is left')
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

/** Counts the jobs that `mediad jobs` lists, by state. */
async function listJobs({ cloud, daemons }: Fleet): Promise<Record<string, number>> {
  const config = join(daemons[0]?.folder ?? '', 'media.config.mjs')
  const env = { ...cloud.local.env, MEDIAD_BUCKET: BUCKET, MEDIAD_LOG_LEVEL: 'warn' }
  await using command = await startMediad(['jobs', '--config', config], { env })
  assert.is(await command.ended, 0)
  const states = command.entries.map(({ state }) => String(state))
  return Object.fromEntries(
    Object.entries(Object.groupBy(states, (state) => state)).map(([state, all]) => [state, all?.length ?? 0]),
  )
}

function checkSpans(spans: readonly CollectedSpan[]): void {
  const job = (key: string) => spans.filter((span) => span.attributes['mediad.job.id'] === toJobId(BUCKET, key))
  const [one, ...more] = job('origin_one.mp4')
  assert.equal(more, [])
  assert.ok(one)
  assert.match(one.name, /^process \S+/)
  assert.equal([one.kind, one.status, one.attributes['messaging.system']], [5, 0, 'aws_sqs'])
  const children = (parent: CollectedSpan) => spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId)
  assert.equal(
    children(one).map(({ name }) => name),
    ['plugin copy', 'plugin upload'],
  )
  const [ffmpeg] = children(children(one)[0] ?? one)
  assert.equal([ffmpeg?.name, ffmpeg?.attributes['process.exit.code'], ffmpeg?.traceId], ['ffmpeg', 0, one.traceId])
  const [first, second] = job('origin_exhaust.mp4')
  assert.equal([first?.status, first?.attributes['error.type'], second?.status], [2, 'internal.plugin', 2])
  assert.equal(
    [second?.traceId, second?.parentSpanId],
    [first?.traceId, first?.spanId],
    'the retry is in the same trace',
  )
}
