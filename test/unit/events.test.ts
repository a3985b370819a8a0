/** What listeners learn of messages, takeovers and sweeps. */
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

/** Intake and sweeper over a bucket in memory; `is` is the job's document. */
function prepare(is?: Partial<JobDocument>) {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const queues = createFakeQueues(storage.calls)
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: { ...clock, wait: () => turn() } })
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const parts = { queues, documents, storage, limits, emit, log: createTestLog() }
  if (is) storage.put(`.mediad/jobs/${id}.json`, JSON.stringify(document({ id, ...is })))
  const faults = { trip: () => undefined, reset: () => undefined }
  const intake = createIntake({ ...parts, scope: { bucket: 'media', routes: [route] }, daemonName: 'host' })
  const sweeper = createSweeper(parts)
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

test('a claim over a stale lease is a takeover, and names who lost the job', async () => {
  const { take, clock, events } = prepare({ owner: 'gone/1', attempt: 2, claim: 4 })
  await clock.advance(61_000)
  await take(toNotificationBody(source))
  const fields = { id, key: source.key, attempt: 3, claim: 5 }
  assert.equal(events, [{ type: 'lease:taken_over', ...fields, previousOwner: 'gone/1' }])
})

test('the first claim, and one after a failure, take nothing over', async () => {
  for (const is of [undefined, { state: 'failed', attempt: 1 } as const]) {
    const { take, events } = prepare(is)
    assert.ok(await take(toNotificationBody(source)))
    assert.equal(events, [])
  }
})

test('a message that is not valid is an event, once it is on the dead-letter queue', async () => {
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

for (const [decision, is] of [
  ['drop', { state: 'succeeded' }],
  ['wait', {}],
  ['retry', { state: 'failed', attempt: 1 }],
  ['dead-letter', { state: 'failed', attempt: 5 }],
] as const)
  test(`a sweep that decides ${decision} is an event`, async () => {
    const { sweep, storage, events } = prepare(is)
    storage.put(source.key, 'the source')
    await sweep(1)
    assert.equal(events[0], { type: 'sweep:decided', id, key: source.key, claim: 1, decision })
    assert.equal(
      events.slice(1).map(({ type }) => type),
      decision === 'dead-letter' ? ['job:dead_lettered'] : [],
    )
  })

test('a sweep that fails is an event with its error', async () => {
  const { sweep, queues, events } = prepare({ state: 'succeeded' })
  queues.failures.add('inProgress.delete')
  await sweep(1)
  assert.equal(
    events.map((event) => (event.type === 'sweep:failed' ? event.error.code : event.type)),
    ['sweep:decided', 'transient.queue'],
  )
})

test('what an attempt took is read from its document', () => {
  const plugins = [{ plugin: 'transcode', seconds: 4, cpuSeconds: 9 }]
  const timings = { startedAt: '2026-01-01T00:00:00.000Z', endedAt: '2026-01-01T00:00:05.500Z', plugins }
  const took = { seconds: 5.5, plugins, bytesIn: 10, mediaSeconds: 90 }
  assert.equal(toAttemptFields(document({ timings, media: { durationSeconds: 90 } })), took)
  const died = toAttemptFields(document({ timings: { ...timings, endedAt: null } }))
  assert.equal(died, { ...took, seconds: null, mediaSeconds: null })
})
