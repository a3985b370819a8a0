/** Spans, and the place in a trace that messages carry. */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace'
import type { SQSClient } from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { createDocuments } from '../../daemon/job/documents.ts'
import { createRunChain } from '../../daemon/pipeline/chain.ts'
import { createQueue } from '../../daemon/queue/queue.ts'
import { createSweeper } from '../../daemon/schedule/sweeper.ts'
import { openTracing } from '../../daemon/tracing/open.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { toTraceContext, type TraceContext } from '../../daemon/vocabulary/tracing/trace-context.ts'
import { noTracing, type Tracing } from '../../daemon/vocabulary/tracing/tracing.ts'
import { createTestLog } from '../helpers/context.ts'
import {
  createFakeQueues,
  createFakeStorage,
  document,
  JOB,
  message,
  rejection,
  route,
  source,
} from '../helpers/fakes.ts'
import { aProbe } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const place: TraceContext = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'a=1,b=2',
}
const exporter = new InMemorySpanExporter()
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })

const test = suite('tracing')
let tracing: Tracing

test.before(async () => {
  assert.is(await openTracing('1.2.3'), noTracing, 'without an SDK')
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  trace.setGlobalTracerProvider(provider)
  tracing = await openTracing('1.2.3')
})
test.beforeEach(() => exporter.reset())

const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId
const find = (name: string) => exporter.getFinishedSpans().find((span) => span.name === name)

test('reads a place in a trace only if it is valid', () => {
  const valid = place.traceparent
  assert.equal(toTraceContext(valid, 'a=1'), { traceparent: valid, tracestate: 'a=1' })
  assert.equal(toTraceContext(valid, undefined), { traceparent: valid })
  assert.equal(toTraceContext(`01${valid.slice(2)}-more`, ''), { traceparent: `01${valid.slice(2)}` })
  for (const tracestate of ['', 'ä=1', 'a=1\nb=2', 'a'.repeat(513)])
    assert.equal(toTraceContext(valid, tracestate), { traceparent: valid }, tracestate)
  const invalid = [
    valid.toUpperCase(),
    valid.slice(1),
    `${valid}0`,
    valid.replace(/-b7.{14}/, `-${'0'.repeat(16)}`),
    `ff${valid.slice(2)}`,
  ]
  for (const traceparent of [undefined, '', ...invalid])
    assert.is(toTraceContext(traceparent, 'a=1'), undefined, traceparent)
})

test('a span of a message continues its trace, and spans inside are its children', async () => {
  await tracing.span(
    { name: 'process work', attributes: { 'messaging.system': 'aws_sqs' }, message: { trace: place } },
    async (span) => {
      span.set({ 'mediad.job.id': JOB })
      const current = tracing.current()
      assert.match(
        current?.traceparent ?? '',
        /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/,
      )
      assert.is(current?.tracestate, place.tracestate)
      await tracing.span({ name: 'plugin a', attributes: {} }, async () => undefined)
    },
  )
  const [job, plugin] = [find('process work'), find('plugin a')]
  assert.is(parentOf(job), 'b7ad6b7169203331')
  assert.is(parentOf(plugin), job?.spanContext().spanId)
  assert.equal(job?.attributes, { 'messaging.system': 'aws_sqs', 'mediad.job.id': JOB })
  assert.is(tracing.current(), undefined)
})

test('a span of a message without a place starts a trace, even inside of another span', async () => {
  await tracing.span({ name: 'outer', attributes: {} }, () =>
    tracing.span({ name: 'process work', attributes: {}, message: message('') }, async () => undefined),
  )
  assert.is(parentOf(find('process work')), undefined)
  assert.is.not(find('process work')?.spanContext().traceId, find('outer')?.spanContext().traceId)
})

test('records the code and the message of an error, and throws it', async () => {
  const error = new MediadError('input.corrupt', 'too many errors')
  const failing = tracing.span({ name: 'ffmpeg', attributes: {} }, () => Promise.reject(error))
  assert.is(await rejection(failing), error)
  const span = find('ffmpeg')
  assert.equal(span?.status, { code: 2, message: 'too many errors' })
  assert.is(span?.attributes['error.type'], 'input.corrupt')
  assert.is(span?.events[0]?.attributes?.['exception.type'], 'input.corrupt')
})

test('an SDK that throws affects no job', async () => {
  const failing = {
    onStart: () => assert.unreachable(),
    onEnd: () => undefined,
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  trace.disable()
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [failing] }))
  try {
    const broken = await openTracing('1.2.3')
    const run = broken.span({ name: 'ffmpeg', attributes: {} }, async (span) => {
      span.set({ a: 1 })
      return broken.current()
    })
    assert.is(await run, undefined)
  } finally {
    trace.disable()
    trace.setGlobalTracerProvider(provider)
  }
})

/** Creates a queue whose client records its requests, and answers each receive with one message. */
function createRecordedQueue(currentTrace?: () => TraceContext | undefined) {
  const inputs: Record<string, unknown>[] = []
  const attributes = Object.entries(place).map(([name, value]) => [name, { DataType: 'String', StringValue: value }])
  const client = {
    async send({ input }: { input: Record<string, unknown> }) {
      inputs.push(input)
      return {
        Messages: [
          { MessageId: 'm', Body: 'b', ReceiptHandle: 'r', MessageAttributes: Object.fromEntries(attributes) },
        ],
      }
    },
  } as unknown as SQSClient
  return {
    inputs,
    attributes,
    queue: createQueue({ client, url: 'http://q/w', ...(currentTrace && { currentTrace }) }),
  }
}

test('messages carry the current place, or the one that is passed, as attributes', async () => {
  const { queue, inputs, attributes } = createRecordedQueue(() => ({ traceparent: place.traceparent }))
  await queue.send('a')
  await queue.send('a', 0, place)
  const [only] = attributes
  assert.equal(
    inputs.map((input) => input.MessageAttributes),
    [Object.fromEntries([only ?? []]), Object.fromEntries(attributes)],
  )
  const untraced = createRecordedQueue()
  await untraced.queue.send('a')
  assert.is(untraced.inputs[0]?.MessageAttributes, undefined)
})

test('receiving requests the attributes and reads them', async () => {
  const { queue, inputs } = createRecordedQueue()
  const [received] = await queue.receive({ max: 1, waitSeconds: 0, visibilitySeconds: 1 })
  assert.equal(received?.trace, place)
  assert.equal(inputs[0]?.MessageAttributeNames, ['traceparent', 'tracestate'])
})

test('what the sweeper sends continues the trace of the in-progress message', async () => {
  const storage = createFakeStorage()
  const queues = createFakeQueues(storage.calls)
  const sent: (string | undefined)[] = []
  Object.assign(queues, { sendSource: async () => void sent.push(tracing.current()?.traceparent) })
  storage.put(`.mediad/jobs/${JOB}.json`, JSON.stringify(document({ state: 'failed', attempt: 1 })))
  const documents = createDocuments({ storage, prefix: '.mediad/' })
  const limits = { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 }
  const log = createTestLog()
  const sweep = createSweeper({ queues, documents, storage, limits, emit: () => undefined, log, tracing })
  storage.put(source.key, 'the source')
  const body = JSON.stringify({ version: 1, id: JOB, source, claim: 1, owner: 'host/1' })
  await sweep({ ...message(body), trace: place }, { trip() {}, reset() {} })
  assert.equal(sent, [place.traceparent])
  assert.equal(exporter.getFinishedSpans(), [])
})

test('a plugin and its ffmpeg have spans with the exit code, the CPU time and the error', async () => {
  const runChain = createRunChain({
    async ffmpeg({ onExit, onCpu }) {
      onCpu(2.5)
      onExit(187)
      throw new MediadError('internal.ffmpeg', 'ffmpeg failed')
    },
    inspect: async () => aProbe(),
    maxSeconds: 60,
    plugin: { pluginSeconds: 60 },
    tracing,
  })
  const run = runChain(
    [{ name: 'encode', problems: [], hooks: { run: async ({ ffmpeg }) => void (await ffmpeg({ outputs: [] })) } }],
    {
      document: { id: JOB, attempt: 1, claim: 1, source },
      scope: { id: JOB, version: 'v1', source, route, routes: [route], statePrefix: '.mediad/' },
      workspace: '/nowhere',
      input: '/nowhere/source',
      probe: aProbe(),
      signal: new AbortController().signal,
      log: createTestLog(),
      onProgress: () => undefined,
      onWarning: () => undefined,
      upload: () => Promise.reject(new Error('not called')),
    },
  )
  await rejection(run)
  const [plugin, ffmpeg] = [find('plugin encode'), find('ffmpeg')]
  assert.is(parentOf(ffmpeg), plugin?.spanContext().spanId)
  assert.equal(plugin?.attributes, { 'mediad.plugin': 'encode', 'error.type': 'internal.ffmpeg' })
  assert.equal(ffmpeg?.attributes, {
    'process.executable.name': 'ffmpeg',
    'mediad.ffmpeg.cpu_seconds': 2.5,
    'process.exit.code': 187,
    'error.type': 'internal.ffmpeg',
  })
})

test('flushes the spans of an SDK, and reports a collector that fails', async () => {
  await tracing.flush()
  const flush = exporter.forceFlush
  exporter.forceFlush = () => Promise.reject(new Error('no collector'))
  assert.match((await rejection(tracing.flush())).message, /no collector/)
  exporter.forceFlush = flush
})
