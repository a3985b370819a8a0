import * as assert from 'uvu/assert'
import type { StoredObject } from '../../daemon/storage/storage.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { createSettle } from '../../daemon/job/settle.ts'
import { createFakeQueues, holdFakeLease, JOB, source, transient } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const timings = {
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:01:00.000Z',
  plugins: [{ plugin: 'transcode', seconds: 7, cpuSeconds: 0 }],
}
const retry = new MediadError('internal.ffmpeg', 'ffmpeg failed', { stderr: ['line 1', 'line 2'] })
const reject = new MediadError('input.not_media', 'no media')
const stopping = new MediadError('daemon.stopping', 'stopping')
const superseded = new MediadError('source.superseded', 'newer')
const abandon = new MediadError('lease.lost', 'lost')

/** Creates a claimed job whose attempt ends with the error passed to `end`. `calls` has all calls in order. */
function prepare({ backoffSeconds = 5, ...change }: Partial<JobDocument> = {}) {
  const held = holdFakeLease(change)
  const calls: string[] = []
  const queues = createFakeQueues(calls)
  const events: DaemonEvent[] = []
  const write = held.documents.write
  held.documents.write = async (draft, ...rest) => {
    calls.push(`write ${draft.state}`)
    return write(draft, ...rest)
  }
  const limits = { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 }
  const bucket: { object: StoredObject | null } = { object: null }
  const storage = { head: async () => bucket.object }
  const settle = createSettle({ queues, storage, limits, backoffSeconds, emit: (event) => events.push(event) })
  const end = (error: MediadError, plugin?: string) => {
    const { lease, log } = held
    return settle({ error, ...(plugin !== undefined && { plugin }), timings, lease, log })
  }
  return { ...held, calls, queues, events, bucket, end }
}

const types = (events: readonly DaemonEvent[]) => events.map(({ type }) => type)

const test = suite('settle')

test('retry: writes failed, with error and backoff', async () => {
  const { end, calls, documents, events } = prepare({ attempt: 2 })
  await end(retry, 'transcode')
  assert.equal(calls, ['write failed'])
  const [document] = documents.written
  const error = {
    code: 'internal.ffmpeg',
    message: 'ffmpeg failed',
    verdict: 'retry',
    plugin: 'transcode',
    stderr: ['line 1', 'line 2'],
  }
  assert.equal([document?.error, document?.timings, document?.owner], [error, timings, 'host/1'])
  const backoff = document?.backoffSeconds ?? -1
  assert.ok(backoff >= 1 && backoff <= 10, String(backoff))
  const attempt = { id: JOB, key: source.key, attempt: 2, claim: 1 }
  const cost = { seconds: 60, plugins: timings.plugins, bytesIn: source.sizeBytes, mediaSeconds: null }
  assert.equal(events, [{ type: 'job:failed', ...attempt, ...cost, error, retryInSeconds: backoff }])
})

test('retry: omits plugin and stderr from an error without them', async () => {
  const { end, documents } = prepare()
  await end(transient())
  assert.equal(documents.written[0]?.error, {
    code: 'transient.storage',
    message: 'S3 is unavailable',
    verdict: 'retry',
  })
})

test('retry: dead-letters the job after the last attempt, dead message first, then the document', async () => {
  const { end, calls, queues, documents, events, logged } = prepare({ attempt: 5, claim: 7 })
  await end(retry, 'transcode')
  assert.equal(calls, ['dead.send', 'write dead'])
  const dead = JSON.parse(queues.dead.sent[0]?.body ?? '') as { reason: string; error: object; job: JobDocument }
  const [document] = documents.written
  assert.equal([dead.reason, dead.error], ['internal.ffmpeg', document?.error])
  assert.equal([dead.job.id, dead.job.source, dead.job.claim, dead.job.attempt], [JOB, source, 7, 5])
  assert.equal([dead.job.history[0]?.attempt, dead.job.history[0]?.error.code], [5, 'internal.ffmpeg'])
  assert.equal([document?.owner, document?.history.length, document?.history[0]?.attempt], [null, 1, 5])
  assert.equal(types(events), ['job:dead_lettered'])
  assert.ok(events.every((event) => 'byOwner' in event && event.byOwner))
  assert.ok(logged.some(({ event, error }) => event === 'job.dead_lettered' && error === retry))
})

test('reject: dead-letters the job at the first attempt', async () => {
  const { end, calls, documents, events } = prepare()
  await end(reject)
  assert.equal(calls, ['dead.send', 'write dead'])
  assert.equal([documents.written[0]?.state, documents.written[0]?.error?.verdict], ['dead', 'reject'])
  assert.equal(types(events), ['job:dead_lettered'])
})

for (const [error, attempt] of [
  [reject, 1],
  [retry, 5],
] as const) {
  test(`${error.verdict}: writes failed when the dead-letter queue is unreachable, for the sweeper to dead-letter the job`, async () => {
    const { end, calls, queues, documents, events } = prepare({ attempt })
    queues.failures.add('dead.send')
    await end(error)
    assert.equal(calls, ['dead.send', 'write failed'])
    const [document] = documents.written
    assert.equal([document?.error?.code, document?.error?.verdict], [error.code, error.verdict])
    assert.equal([document?.backoffSeconds, document?.owner], [0, 'host/1'])
    assert.equal(types(events), ['job:failed'])
  })
}

test('release: returns the source to the work queue, then writes released', async () => {
  const { end, calls, queues, documents, events } = prepare()
  await end(stopping)
  assert.equal(calls, ['work.send', 'write released'])
  assert.is(queues.work.sent[0]?.delaySeconds, 1) // a daemon that received it earlier would wait for the lease to end
  assert.match(queues.work.sent[0]?.body ?? '', /origin_a\.mp4/)
  assert.equal([documents.written[0]?.owner, documents.written[0]?.attempt], [null, 1])
  assert.is(documents.written[0]?.error, null)
  assert.equal(types(events), ['job:released'])
})

test('release: does not dead-letter the job at the last attempt', async () => {
  const { end, calls } = prepare({ attempt: 5 })
  await end(stopping)
  assert.equal(calls, ['work.send', 'write released'])
})

test('release: writes nothing when the work queue is unreachable, so that the sweeper handles the job', async () => {
  const { end, calls, queues, documents, events, logged } = prepare()
  queues.failures.add('work.send')
  await end(stopping)
  assert.equal([calls, documents.written, events], [['work.send'], [], []])
  assert.ok(logged.some(({ level, event }) => level === 'warn' && event === 'job.settle_failed'))
})

test('superseded: releases the job and sends nothing when the source was deleted', async () => {
  const { end, calls, events } = prepare()
  await end(superseded)
  assert.equal(calls, ['write released'])
  assert.equal(types(events), ['job:released'])
})

test('superseded: sends the current version without a sequencer, then releases the job', async () => {
  const { end, calls, queues, bucket: stored, lease } = prepare()
  stored.object = { etag: 'now', sizeBytes: 77, metadata: {} }
  await end(superseded)
  assert.equal(calls, ['work.send', 'write released'])
  const { bucket, key } = lease.document.source
  assert.is(queues.work.sent[0]?.body, toNotificationBody({ bucket, key, etag: 'now', sizeBytes: 77 }))
})

test('reject: the document of a dead job has the warnings that its daemon added last', async () => {
  const held = prepare({ warnings: [{ plugin: 'note', message: 'first' }] })
  const warnings = [...(held.lease.document.warnings ?? []), { plugin: 'note', message: 'second' }]
  held.lease.addFindings({ warnings })
  await held.end(reject, 'note')
  assert.equal(held.documents.written.at(-1)?.warnings, warnings)
})

test('abandon: sends and writes nothing', async () => {
  const { end, calls, events, logged } = prepare()
  await end(abandon, 'transcode')
  assert.equal(calls, [])
  assert.equal(types(events), ['job:abandoned'])
  const warned = logged.filter(({ level }) => level === 'warn')
  assert.equal(
    warned.map(({ event, plugin }) => [event, plugin]),
    [['job.abandoned', 'transcode']],
  )
})

for (const error of [retry, reject, stopping, superseded]) {
  test(`sends and writes nothing for ${error.code} when the lease has expired`, async () => {
    const { end, calls, clock, events } = prepare()
    const late = clock.now() + 50_001
    clock.now = () => late
    await end(error)
    assert.equal(calls, [])
    assert.equal(types(events), ['job:abandoned'])
  })

  test(`writes nothing for ${error.code} when another daemon owns the job`, async () => {
    const { end, documents, events, lease } = prepare()
    documents.outcomes.push(async () => null)
    await end(error)
    assert.equal(documents.written, [])
    assert.equal(types(events), ['job:abandoned'])
    assert.ok(lease.signal.aborted)
  })
}

test('repeats the write when S3 is unavailable for a moment', async () => {
  const { end, documents, clock, events } = prepare()
  documents.outcomes.push(async () => {
    throw transient()
  })
  const ended = end(retry)
  await clock.advance(20_000)
  await ended
  assert.equal([documents.written[0]?.state, types(events)], ['failed', ['job:failed']])
})

test('never throws, and no heartbeat follows', async () => {
  for (const error of [retry, reject, stopping, abandon]) {
    const { end, queues, documents, clock, lease } = prepare()
    for (const call of ['work.send', 'dead.send']) queues.failures.add(call)
    documents.outcomes.push(async () => null)
    await end(error)
    lease[Symbol.dispose]()
    await clock.advance(300_000)
    assert.equal([documents.written, clock.pending()], [[], 0])
  }
})

test('bounds document and dead message, whatever a plugin throws', async () => {
  const stderr = Array.from({ length: 5000 }, () => 'x'.repeat(2000))
  const huge = new MediadError('internal.plugin', 'm'.repeat(2 ** 21), { stderr })
  for (const attempt of [1, 5]) {
    const { end, documents, queues } = prepare({ attempt })
    await end(huge)
    assert.ok(JSON.stringify(documents.written[0]).length < 100_000, 'the document')
    for (const { body } of queues.dead.sent) assert.ok(Buffer.byteLength(body) < 256 * 1024, 'the dead message')
  }
})
