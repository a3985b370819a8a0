/** Metrics: names, values from events and gauges, and the number of series. */
import * as assert from 'uvu/assert'
import { definitions, processMetrics, type Definition } from '../../daemon/metrics/definitions.ts'
import { createMetrics, type MetricSources } from '../../daemon/metrics/metrics.ts'
import { createEmitter } from '../../daemon/vocabulary/emitter.ts'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock, source } from '../helpers/fakes.ts'
import { readSamples, sampleOf } from '../helpers/metrics.ts'
import { suite } from '../helpers/suite.ts'

const depth = { visible: 3, hidden: 2, delayed: 1 }

function prepare(change: Partial<MetricSources> = {}) {
  const logged: LoggedLine[] = []
  const log = createTestLog(logged)
  const events = createEmitter(log)
  const clock = createFakeClock()
  const sources: MetricSources = {
    slots: () => ({ work: { used: 1, free: 3, max: 8 }, inProgress: { used: 0, free: 1, max: 1 } }),
    streams: () => 3,
    queues: async () => ({ work: depth, inProgress: null, dead: depth }),
    workspaces: async () => ({ bytes: 1000, freeBytes: 5000 }),
    ...change,
  }
  const build = { version: '1.2.3', ffmpeg: '7.1' }
  const metrics = createMetrics({ events, sources, build, plugins: ['transcode', 'upload', 'upload'], log, clock })
  const read = async () => readSamples((await metrics.render('')).body)
  return { ...metrics, emit: events.emit, read, clock, logged }
}

/** Every event that ends an attempt or says something about a job, for a job of its own. */
function toJobEvents(n: number): DaemonEvent[] {
  const job = { id: `${n}`.padStart(32, '0'), key: `origin_${n}.mp4`, attempt: n, claim: n }
  const plugins = [{ plugin: 'transcode', seconds: 4, cpuSeconds: 9 }]
  const attempt = { ...job, seconds: 5, plugins, bytesIn: 10, mediaSeconds: 90 }
  const error = { code: 'internal.ffmpeg', message: `failure ${n}`, verdict: 'retry' } as const
  const message = `message-${n}`
  const event = { ...error, code: `acme.code_${n}` }
  return [
    { type: 'job:started', ...job, source: { ...source, key: job.key } },
    { type: 'job:progress', ...job, plugin: 'transcode', percent: n % 100 },
    { type: 'job:warned', ...job, plugin: 'transcode', message },
    { type: 'job:succeeded', ...attempt, outputs: [], bytesOut: 7 },
    { type: 'job:failed', ...attempt, error, retryInSeconds: 1 },
    { type: 'job:failed', ...attempt, error: event, retryInSeconds: 1 },
    {
      type: 'job:dead_lettered',
      ...attempt,
      error: { ...error, code: 'input.corrupt', verdict: 'reject' },
      byOwner: true,
    },
    { type: 'job:dead_lettered', ...attempt, error, byOwner: false },
    { type: 'job:released', ...attempt, error: { code: 'daemon.stopping', message, verdict: 'release' } },
    { type: 'job:abandoned', ...attempt, error: { code: 'lease.lost', message, verdict: 'abandon' } },
    { type: 'message:dead_lettered', queue: 'work', message, error },
    { type: 'sweep:decided', id: job.id, key: job.key, claim: n, decision: 'wait' },
    { type: 'sweep:failed', message, error },
    { type: 'heartbeat:written', ...job },
    { type: 'heartbeat:missed', ...job, error },
    { type: 'lease:lost', ...job, error },
    { type: 'lease:taken_over', ...job, previousOwner: `host-${n}/1` },
  ]
}

const test = suite('metrics')

test('names and units follow the conventions of Prometheus, and no label can have a value of a job', () => {
  for (const [name, definition] of Object.entries(definitions) as [string, Definition][]) {
    const { kind, help, labels = {}, buckets = [] } = definition
    assert.match(name, /^mediad_[a-z]+(?:_[a-z]+)*$/)
    assert.is(name.endsWith('_total'), kind === 'counter', name)
    assert.not.match(name, /(?:_(?:ms|milliseconds|minutes|kb|mb|count|sum|bucket|percent))$/)
    if (kind === 'histogram') assert.match(name, /_seconds$/)
    assert.is(buckets.length > 0, kind === 'histogram', name)
    assert.equal(
      buckets,
      buckets.toSorted((a, b) => a - b),
    )
    assert.match(help, /\.$/, name)
    const known = /^(?:by|code|decision|ffmpeg|node|plugin|queue|result|state|verdict|version)$/
    assert.equal(
      Object.keys(labels).filter((label) => !known.test(label)),
      [],
      name,
    )
  }
})

test('every series with known labels is 0 from the start', async () => {
  await using stack = new AsyncDisposableStack()
  const { read, close } = prepare()
  stack.defer(close)
  const samples = await read()
  assert.is(sampleOf(samples, 'mediad_jobs_total', { state: 'dead' }), 0)
  assert.is(sampleOf(samples, 'mediad_queue_receives_total', { queue: 'in-progress', result: 'error' }), 0)
  assert.is(sampleOf(samples, 'mediad_plugin_cpu_seconds_count', { plugin: 'upload' }), 0)
  assert.is(sampleOf(samples, 'mediad_circuit_open', { queue: 'work' }), 0)
  assert.is(sampleOf(samples, 'mediad_media_seconds_total'), 0)
  const names = new Set(samples.map(({ name }) => name.replace(/_(?:bucket|sum|count)$/, '')))
  const late = /^(?:mediad_verdicts_total|nodejs_gc_duration_seconds)$/ // appear with the first error and collection
  assert.equal(
    [...Object.keys(definitions), ...Object.keys(processMetrics)].filter(
      (name) => !names.has(name) && !late.test(name),
    ),
    [],
  )
})

test('counts jobs, attempts, verdicts, media and bytes from the events of jobs', async () => {
  await using stack = new AsyncDisposableStack()
  const { read, emit, close } = prepare()
  stack.defer(close)
  for (const event of toJobEvents(1)) emit(event)
  const samples = await read()
  const get = (name: string, labels: Record<string, string> = {}) => sampleOf(samples, name, labels)
  const states = ['processing', 'succeeded', 'failed', 'released', 'dead']
  assert.equal(
    states.map((state) => get('mediad_jobs_total', { state })),
    [1, 1, 2, 1, 2],
  )
  const results = ['succeeded', 'failed', 'dead', 'released', 'abandoned']
  assert.equal(
    results.map((result) => get('mediad_attempts_total', { result })),
    [1, 2, 1, 1, 1],
  )
  assert.is(get('mediad_verdicts_total', { verdict: 'retry', code: 'internal.ffmpeg' }), 1)
  assert.is(get('mediad_verdicts_total', { verdict: 'retry', code: 'other' }), 1)
  assert.is(get('mediad_verdicts_total', { verdict: 'reject', code: 'input.corrupt' }), 1)
  assert.is(get('mediad_verdicts_total', { verdict: 'release', code: 'daemon.stopping' }), 1)
  assert.is(get('mediad_attempt_duration_seconds_bucket', { result: 'failed', le: '5' }), 2)
  assert.is(get('mediad_attempt_duration_seconds_bucket', { result: 'failed', le: '2.5' }), 0)
  assert.equal([get('mediad_plugin_cpu_seconds_sum', { plugin: 'transcode' })], [54], 'of attempts of this daemon only')
  const sums = ['media_seconds', 'source_bytes', 'output_bytes'].map((name) => get(`mediad_${name}_total`))
  assert.equal(sums, [90, 10, 7])
  assert.is(get('mediad_warnings_total', { plugin: 'transcode' }), 1)
})

test('counts receives, sweeps, heartbeats and takeovers, and shows the circuit breaker', async () => {
  await using stack = new AsyncDisposableStack()
  const { read, emit, close } = prepare()
  stack.defer(close)
  const error = { code: 'transient.queue', message: 'no answer', verdict: 'retry' } as const
  for (const event of toJobEvents(1)) emit(event)
  emit({ type: 'poll:finished', queue: 'work', messages: 4 })
  emit({ type: 'poll:finished', queue: 'work', messages: 0 })
  emit({ type: 'poll:failed', queue: 'in-progress', error, retryInSeconds: 1 })
  emit({ type: 'circuit:tripped', queue: 'work', by: 'job', error, pauseSeconds: 1 })
  const samples = await read()
  const get = (name: string, labels: Record<string, string> = {}) => sampleOf(samples, name, labels)
  assert.is(get('mediad_queue_receives_total', { queue: 'work', result: 'messages' }), 1)
  assert.is(get('mediad_queue_receives_total', { queue: 'work', result: 'empty' }), 1)
  assert.is(get('mediad_queue_receives_total', { queue: 'in-progress', result: 'error' }), 1)
  assert.is(get('mediad_queue_received_messages_total', { queue: 'work' }), 4)
  assert.is(get('mediad_dead_lettered_messages_total', { queue: 'work' }), 1)
  assert.is(get('mediad_sweeps_total', { decision: 'wait' }), 1)
  assert.is(get('mediad_sweeps_total', { decision: 'failed' }), 1)
  assert.is(get('mediad_heartbeats_total', { result: 'written' }), 1)
  assert.is(get('mediad_heartbeats_total', { result: 'missed' }), 1)
  assert.equal([get('mediad_leases_lost_total'), get('mediad_takeovers_total')], [1, 1])
  assert.is(get('mediad_circuit_open', { queue: 'work' }), 1)
  assert.is(get('mediad_circuit_trips_total', { queue: 'work', by: 'job' }), 1)
  emit({ type: 'circuit:reset', queue: 'work' })
  assert.is(sampleOf(await read(), 'mediad_circuit_open', { queue: 'work' }), 0)
})

test('the number of series does not depend on the number of jobs', async () => {
  await using stack = new AsyncDisposableStack()
  const { read, emit, close } = prepare()
  stack.defer(close)
  for (const event of toJobEvents(1)) emit(event)
  const before = (await read()).filter(({ name }) => name.startsWith('mediad_')).length
  for (let n = 2; n <= 100; n++) for (const event of toJobEvents(n)) emit(event)
  const samples = (await read()).filter(({ name }) => name.startsWith('mediad_'))
  assert.is(samples.length, before)
  assert.ok(samples.length < 400, `${samples.length} series`)
  assert.is(sampleOf(samples, 'mediad_jobs_total', { state: 'succeeded' }), 100)
})

test('reads slots and workspaces for a scrape, and the queues once a minute for all servers', async () => {
  await using stack = new AsyncDisposableStack()
  let requests = 0
  let works = true
  const queues = async () => {
    requests++
    return { work: works ? depth : null, inProgress: depth, dead: depth }
  }
  const { read, close, clock } = prepare({ queues })
  stack.defer(close)
  const [samples] = await Promise.all([read(), read()])
  assert.is(requests, 1)
  assert.is(sampleOf(samples, 'mediad_slots_used', { queue: 'work' }), 1)
  assert.is(sampleOf(samples, 'mediad_slots_free', { queue: 'work' }), 3)
  assert.is(sampleOf(samples, 'mediad_slots_max', { queue: 'work' }), 8)
  assert.is(sampleOf(samples, 'mediad_http_streams', {}), 3)
  assert.is(sampleOf(samples, 'mediad_queue_messages', { queue: 'dead', state: 'delayed' }), 1)
  assert.is(sampleOf(samples, 'mediad_queue_messages', { queue: 'in-progress', state: 'visible' }), 3)
  assert.equal(
    [sampleOf(samples, 'mediad_workspace_bytes'), sampleOf(samples, 'mediad_workspace_free_bytes')],
    [1000, 5000],
  )
  works = false
  await clock.advance(59_000)
  assert.is(sampleOf(await read(), 'mediad_queue_messages', { queue: 'work', state: 'visible' }), 3)
  await clock.advance(1_000)
  assert.is(sampleOf(await read(), 'mediad_queue_messages', { queue: 'work', state: 'visible' }), undefined)
  assert.is(requests, 2)
})

test('reads the queues again after 5 s if one did not respond', async () => {
  await using stack = new AsyncDisposableStack()
  let requests = 0
  const queues = async () => ({ work: depth, inProgress: depth, dead: ++requests < 3 ? null : depth })
  const { read, close, clock } = prepare({ queues })
  stack.defer(close)
  const readDead = async () => sampleOf(await read(), 'mediad_queue_messages', { queue: 'dead', state: 'visible' })
  assert.equal([await readDead(), requests], [undefined, 1])
  await clock.advance(4_999)
  assert.equal([await readDead(), requests], [undefined, 1])
  await clock.advance(1)
  assert.equal([await readDead(), requests], [undefined, 2], 'the second failure is cached as briefly')
  await clock.advance(5_000)
  assert.equal([await readDead(), requests], [3, 3])
  await clock.advance(59_999)
  assert.equal([await readDead(), requests], [3, 3], 'a complete result is cached for a minute')
})

test('reads the queues again after 5 s if reading them threw an error, and keeps the samples', async () => {
  await using stack = new AsyncDisposableStack()
  let requests = 0
  const queues = async () => {
    if (++requests === 2) throw new Error('ECONNRESET')
    return { work: depth, inProgress: depth, dead: depth }
  }
  const { read, close, clock } = prepare({ queues })
  stack.defer(close)
  await read()
  await clock.advance(60_000)
  assert.is(sampleOf(await read(), 'mediad_queue_messages', { queue: 'dead', state: 'visible' }), 3)
  await clock.advance(5_000)
  await read()
  assert.is(requests, 3)
})

test('a workspace that cannot be read is logged, and does not fail the scrape', async () => {
  await using stack = new AsyncDisposableStack()
  const { read, close, logged } = prepare({ workspaces: () => Promise.reject(new Error('EIO')) })
  stack.defer(close)
  assert.is(sampleOf(await read(), 'mediad_slots_used', { queue: 'work' }), 1)
  assert.equal(
    logged.map(({ event }) => event),
    ['metrics.read_failed'],
  )
})

test('stops counting when it is closed', async () => {
  const { read, emit, close } = prepare()
  close()
  for (const event of toJobEvents(1)) emit(event)
  assert.equal(await read(), [])
})
