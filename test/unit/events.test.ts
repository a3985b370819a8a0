/** Events of messages, takeovers and sweeps. */
import * as assert from 'uvu/assert'
import { createDocuments } from '../../daemon/job/documents.ts'
import { createIntake } from '../../daemon/job/intake.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { createSweeper } from '../../daemon/schedule/sweeper.ts'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { toAttemptFields } from '../../daemon/vocabulary/events.ts'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { createTestLog } from '../helpers/context.ts'
import {
  createFakeClock,
  createFakeQueues,
  createFakeStorage,
  document,
  message,
  source,
  turn,
  route,
} from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const id = toJobId(source.bucket, source.key)
const limits = { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 }

/** Creates intake and sweeper on queues and an S3 in memory, with the document `stored`. */
function prepare(stored?: Partial<JobDocument>) {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const queues = createFakeQueues(storage.calls)
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: { ...clock, wait: () => turn() } })
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const deps = { queues, documents, storage, limits, emit, log: createTestLog() }
  if (stored) storage.put(`.mediad/jobs/${id}.json`, JSON.stringify(document({ id, ...stored })))
  const faults = { trip: () => undefined, reset: () => undefined }
  const intake = createIntake({ ...deps, scope: { bucket: 'media', routes: [route] }, daemonName: 'host' })
  const sweeper = createSweeper(deps)
  return {
    clock,
    storage,
    queues,
    events,
    take: (body: string) => intake(message(body), faults),
    async sweep(claim: number, owner = 'host/1') {
      await queues.sendInProgressMessage({ id, source, claim, owner }, 0)
      await sweeper(message(queues.inProgress.sent.at(-1)?.body ?? ''), faults)
    },
    sweepBody: (body: string) => sweeper(message(body), faults),
  }
}

const test = suite('events')

test('emits a takeover with the previous owner when a stale lease is claimed', async () => {
  const { take, clock, events } = prepare({ owner: 'gone/1', attempt: 2, claim: 4 })
  await clock.advance(61_000)
  await take(toNotificationBody(source))
  const fields = { id, key: source.key, attempt: 3, claim: 5 }
  assert.equal(events, [{ type: 'lease:taken_over', ...fields, previousOwner: 'gone/1' }])
})

test('emits no takeover for the first claim or one after a failure', async () => {
  for (const stored of [undefined, { state: 'failed', attempt: 1 } as const]) {
    const { take, events } = prepare(stored)
    assert.ok(await take(toNotificationBody(source)))
    assert.equal(events, [])
  }
})

test('emits an event when an invalid message has been dead-lettered', async () => {
  const { take, sweepBody, queues, events } = prepare()
  await take('not JSON')
  await sweepBody('not JSON')
  assert.is(queues.dead.sent.length, 2)
  assert.equal(
    events.map((event) => event.type === 'message:dead_lettered' && [event.queue, event.error.code]),
    [
      ['work', 'message.invalid'],
      ['in-progress', 'message.invalid'],
    ],
  )
})

for (const [decision, stored] of [
  ['drop', { state: 'succeeded' }],
  ['wait', {}],
  ['retry', { state: 'failed', attempt: 1 }],
  ['dead-letter', { state: 'failed', attempt: 5 }],
] as const)
  test(`emits an event for a sweep that decides ${decision}`, async () => {
    const { sweep, storage, events } = prepare(stored)
    storage.put(source.key, 'the source')
    await sweep(1)
    assert.equal(events[0], { type: 'sweep:decided', id, key: source.key, claim: 1, decision })
    assert.equal(
      events.slice(1).map((event) => [event.type, 'byOwner' in event && event.byOwner]),
      decision === 'dead-letter' ? [['job:dead_lettered', false]] : [],
    )
  })

test('emits an event with the error of a sweep that fails', async () => {
  const { sweep, queues, events } = prepare({ state: 'succeeded' })
  queues.failures.add('inProgress.delete')
  await sweep(1)
  assert.equal(
    events.map((event) => (event.type === 'sweep:failed' ? event.error.code : event.type)),
    ['sweep:decided', 'transient.queue'],
  )
})

test('reads duration and size of an attempt from its document', () => {
  const plugins = [{ plugin: 'transcode', seconds: 4, cpuSeconds: 9 }]
  const timings = { startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:05.500Z', plugins }
  const expected = { seconds: 5.5, plugins, bytesIn: 10, mediaSeconds: 90 }
  assert.equal(toAttemptFields(document({ timings, media: { durationSeconds: 90 } })), expected)
  const crashed = toAttemptFields(document({ timings: { ...timings, endedAt: null } }))
  assert.equal(crashed, { ...expected, seconds: null, mediaSeconds: null })
})
