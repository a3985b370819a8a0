import * as assert from 'uvu/assert'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { createDocuments } from '../../daemon/job/documents.ts'
import { createIntake } from '../../daemon/job/intake.ts'
import type { FaultReporter } from '../../daemon/protocol/fault.ts'
import type { Message } from '../../daemon/queue/queue.ts'
import { toJobId, type JobDocument, type Source, type WorkSource } from '../../daemon/vocabulary/job.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { parseDeadMessage, parseInProgressMessage } from '../../daemon/protocol/messages.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import {
  createFakeClock,
  createFakeQueues,
  createFakeStorage,
  document,
  message,
  route,
  source,
  transient,
  turn,
} from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const id = toJobId(source.bucket, source.key)
const KEY = `.mediad/jobs/${id}.json`
const limits = { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 }

/** Creates an intake on queues and an S3 in memory, with the document `initial`. `calls` returns all calls in order. */
function prepare(initial?: Partial<JobDocument>) {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const queues = createFakeQueues(storage.calls)
  const logged: LoggedLine[] = []
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: { ...clock, wait: () => turn() } })
  const scope = { bucket: 'media', routes: [route] as const }
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const deps = { queues, documents, storage, scope, limits, daemonName: 'host', emit, log: createTestLog(logged) }
  if (initial) storage.put(KEY, JSON.stringify(document({ id, ...initial })))
  const stored = () => JSON.parse(storage.objects.get(KEY)?.text ?? 'null') as JobDocument | null
  const calls = () => storage.calls.map((call) => call.replace(KEY, 'document'))
  const tripped: string[] = []
  const faults: FaultReporter = { trip: (by) => void tripped.push(by), reset: (by) => void tripped.push(`-${by}`) }
  const intake = (received: Message) => createIntake(deps)(received, faults)
  const take = (of: WorkSource = source, receiveCount = 1) => intake(message(toNotificationBody(of), receiveCount))
  return { clock, storage, queues, logged, events, tripped, documents, intake, take, stored, calls }
}

const failure = { code: 'internal.ffmpeg', message: 'ffmpeg failed', verdict: 'retry' } as const
const newer: Source = { ...source, etag: 'e2', sequencer: '0B' }
const { sequencer: _, ...unordered } = newer
const test = suite('intake')

test('sends the in-progress message of a new job, claims the job, then deletes the work message', async () => {
  const { take, calls, queues, stored } = prepare()
  const claimed = await take()
  assert.is(claimed?.route, route)
  assert.equal(calls(), ['read document', 'inProgress.send', 'write document', 'work.delete'])
  assert.equal(stored(), claimed?.document)
  const { state, claim, attempt, owner, rev } = claimed?.document ?? {}
  assert.equal([state, claim, attempt, rev], ['processing', 1, 1, 1])
  assert.match(owner ?? '', /^host\/[0-9a-f]{8}$/)
  const [sent] = queues.inProgress.sent
  assert.is(sent?.delaySeconds, 30)
  assert.equal(parseInProgressMessage(sent?.body ?? ''), { id, source, claim: 1, owner })
})

test('creates a unique owner for every claim', async () => {
  const owners = await Promise.all([1, 2, 3].map(async () => (await prepare().take())?.document.owner))
  assert.is(new Set(owners).size, 3)
})

test('dead-letters a body that is not a notification, with the reason, then deletes the message', async () => {
  for (const body of ['', 'null', '{}', '{"Records":[]}', '\0', '{"Records":[{"s3":null}]}', 'x'.repeat(200_000)]) {
    const { intake, calls, queues, logged } = prepare()
    assert.is(await intake(message(body)), null)
    assert.equal(calls(), ['dead.send', 'work.delete'])
    const dead = JSON.parse(queues.dead.sent[0]?.body ?? '') as { reason: string; body: string; error: object }
    assert.equal([dead.reason, dead.body], ['message.invalid', body.slice(0, 32 * 1024)])
    assert.ok(logged.some(({ level }) => level === 'error'))
  }
})

test('keeps a body that is not a notification while the dead-letter queue is unreachable', async () => {
  const { intake, calls, queues } = prepare()
  queues.failures.add('dead.send')
  assert.is(await intake(message('garbage')), null)
  assert.equal(calls(), ['dead.send', 'work.hide'])
})

test('deletes a notification that needs no job, and does nothing else', async () => {
  const bodies = [
    '{"Event":"s3:TestEvent"}',
    toNotificationBody({ ...source, key: 'cvted_a.mp4' }),
    toNotificationBody({ ...source, bucket: 'other' }),
    toNotificationBody(source).replace('ObjectCreated:Put', 'ObjectRemoved:Delete'),
  ]
  for (const body of bodies) {
    const { intake, calls, logged } = prepare()
    assert.is(await intake(message(body)), null)
    assert.equal(calls(), ['work.delete'])
    assert.equal(
      logged.map(({ level }) => level),
      ['debug'],
    )
  }
})

const several = (...sources: WorkSource[]) => {
  const records = sources.flatMap((one) => (JSON.parse(toNotificationBody(one)) as { Records: object[] }).Records)
  return message(JSON.stringify({ Records: records }))
}

test('sends each of several records to the work queue, then deletes the original', async () => {
  const { intake, calls, queues } = prepare()
  const other = { ...source, key: 'origin_b.mp4', redrive: 7 }
  assert.is(await intake(several(source, other, { ...source, key: 'x' })), null)
  assert.equal(calls(), ['work.send', 'work.send', 'work.delete'])
  assert.equal(
    queues.work.sent.map(({ body }) => body),
    [toNotificationBody(source), toNotificationBody(other)],
  )
})

test('keeps a message of several records when they cannot be sent', async () => {
  const { intake, calls, queues } = prepare()
  queues.failures.add('work.send')
  assert.is(await intake(several(source, newer)), null)
  assert.equal(calls(), ['work.send', 'work.hide'])
})

test('starts a redriven job again with its history, and keeps the redrive out of document and in-progress message', async () => {
  const past = { attempt: 5, claim: 7, owner: 'x/1', startedAt: 'a', endedAt: 'b', error: failure }
  const dead = { state: 'dead', owner: null, attempt: 5, claim: 7, error: failure, history: [past] } as const
  const { take, calls, queues, stored } = prepare(dead)
  await take({ ...source, redrive: 7 })
  assert.equal(calls(), ['read document', 'inProgress.send', 'write document', 'work.delete'])
  const { state, claim, attempt, error, history, source: kept } = stored() ?? {}
  assert.equal([state, claim, attempt, error, history, kept], ['processing', 8, 1, null, [past], source])
  assert.equal(parseInProgressMessage(queues.inProgress.sent[0]?.body ?? '')?.source, source)
  await take({ ...source, redrive: 7 })
  assert.is(calls().at(-1), 'work.hide')
  assert.is(stored()?.claim, 8)
})

test('deletes a duplicate and a superseded upload', async () => {
  const old = { ...source, sequencer: '09', etag: 'e0' }
  for (const [of, initial] of [
    [source, { state: 'succeeded' }],
    [source, { state: 'dead', owner: null }],
    [old, {}],
  ] as const) {
    const { take, calls } = prepare(initial)
    assert.is(await take(of), null)
    assert.equal(calls(), ['read document', 'work.delete'])
  }
})

test('hides the message of an owned job until the lease would end', async () => {
  const { take, calls, queues, clock } = prepare({})
  await clock.advance(20_000)
  assert.is(await take(), null)
  assert.equal([...calls(), queues.work.hidden[0]?.seconds], ['read document', 'work.hide', 41])
})

test('dead-letters a job without attempts left: dead message, document, then the work message is deleted', async () => {
  const { take, calls, stored, logged, events } = prepare({ state: 'failed', attempt: 5, error: failure })
  assert.is(await take(), null)
  assert.equal(calls(), ['read document', 'dead.send', 'write document', 'work.delete'])
  assert.equal([stored()?.state, stored()?.error], ['dead', failure])
  assert.ok(
    logged.some(({ level, event }) => level === 'error' && event === 'job.dead_lettered'),
    JSON.stringify(logged),
  )
  assert.is(events.map(({ type }) => type).join(), 'job:dead_lettered')
})

test('hides the message when another daemon dead-letters the job first', async () => {
  const { take, calls, storage, queues } = prepare({ state: 'failed', attempt: 5, error: failure })
  storage.writes.push((perform) => {
    storage.put(KEY, JSON.stringify(document({ id, state: 'dead', owner: null, nonce: 'other' })))
    return perform()
  })
  assert.is(await take(), null)
  assert.equal([...calls().slice(-2), queues.work.hidden[0]?.seconds], ['read document', 'work.hide', 1])
})

test('hides the message for a second after a lost race, and leaves the in-progress message to the sweeper', async () => {
  const { take, calls, storage, queues, stored } = prepare()
  storage.writes.push((perform) => {
    storage.put(KEY, JSON.stringify(document({ id, owner: 'other/1', nonce: 'other' })))
    return perform()
  })
  assert.is(await take(), null)
  assert.equal(calls(), ['read document', 'inProgress.send', 'write document', 'read document', 'work.hide'])
  assert.equal([queues.work.hidden[0]?.seconds, stored()?.owner], [1, 'other/1'])
})

test('claims nothing when the in-progress message cannot be sent', async () => {
  const { take, calls, queues, storage } = prepare()
  queues.failures.add('inProgress.send')
  assert.is(await take(), null)
  assert.equal(calls(), ['read document', 'inProgress.send', 'work.hide'])
  assert.is(storage.objects.size, 0)
})

test('returns the claim when the work message cannot be deleted', async () => {
  const { take, queues, logged, calls } = prepare()
  queues.failures.add('work.delete')
  assert.ok(await take())
  assert.is(calls().at(-1), 'work.delete')
  assert.ok(logged.some(({ level }) => level === 'warn'))
})

test('hides a message longer with every receive when the document cannot be read, up to 15 minutes', async () => {
  const longest = new Map<number, number>()
  for (const receiveCount of [1, 4, 40]) {
    for (let n = 0; n < 20; n++) {
      const { take, queues, storage, calls } = prepare()
      storage.readErrors.push(transient())
      assert.is(await take(source, receiveCount), null)
      assert.equal(calls(), ['read document', 'work.hide'])
      const seconds = queues.work.hidden[0]?.seconds ?? 0
      assert.ok(seconds >= 1 && seconds <= Math.min(900, 2 ** (receiveCount - 1)), String(seconds))
      longest.set(receiveCount, Math.max(seconds, longest.get(receiveCount) ?? 0))
    }
  }
  assert.ok((longest.get(40) ?? 0) > (longest.get(4) ?? 0) && (longest.get(4) ?? 0) > (longest.get(1) ?? 0))
})

test('never throws, even when S3 and all queues fail', async () => {
  const { take, intake, queues, storage } = prepare()
  for (const call of ['work.hide', 'work.delete', 'dead.send', 'inProgress.send']) queues.failures.add(call)
  storage.readErrors.push(transient())
  assert.is(await take(), null)
  assert.is(await take(), null)
  assert.is(await intake(message('garbage')), null)
  assert.is(await intake(message('{"Event":"s3:TestEvent"}')), null)
})

test('keeps a document of a newer version, and dead-letters the message at its tenth receive', async () => {
  const { take, calls, storage, queues } = prepare()
  storage.put(KEY, '{"v":99}')
  assert.is(await take(source, 9), null)
  assert.equal(calls(), ['read document', 'work.hide'])
  await take(source, 10)
  assert.equal(calls().slice(2), ['read document', 'dead.send', 'work.delete'])
  const { reason, body } = parseDeadMessage(queues.dead.sent[0]?.body ?? '') ?? {}
  assert.equal([reason, body], ['internal.document', toNotificationBody(source)])
  assert.is(storage.objects.get(KEY)?.text, '{"v":99}')
})

test('checks the object in the bucket for another upload of unknown order', async () => {
  const known = prepare({ state: 'succeeded' })
  known.storage.head = async () => ({ etag: 'e1', sizeBytes: 10, metadata: {} })
  assert.is(await known.take(unordered), null)
  assert.equal(known.calls(), ['read document', 'work.delete'])

  const other = prepare({ state: 'succeeded' })
  other.storage.head = async () => ({ etag: 'e2', sizeBytes: 10, metadata: {} })
  const claimed = (await other.take(unordered))?.document
  assert.equal([claimed?.source, claimed?.claim, claimed?.attempt], [unordered, 2, 1])
})

test('does not check the object when sequencers define the order, or for the first upload', async () => {
  for (const [of, initial] of [
    [newer, { state: 'succeeded' }],
    [source, { state: 'released', owner: null }],
    [unordered, undefined],
  ] as const) {
    const { take, calls } = prepare(initial)
    assert.ok(await take(of))
    assert.not.ok(calls().some((call) => call.startsWith('head')))
  }
})
