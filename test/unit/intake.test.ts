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

/** A daemon's intake on queues and an S3 in memory; `is` is the document there, `calls` has what was done, in order. */
function prepare(is?: Partial<JobDocument>) {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const queues = createFakeQueues(storage.calls)
  const logged: LoggedLine[] = []
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: { ...clock, wait: () => turn() } })
  const scope = { bucket: 'media', routes: [route] as const }
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const parts = { queues, documents, storage, scope, limits, daemonName: 'host', emit, log: createTestLog(logged) }
  if (is) storage.put(KEY, JSON.stringify(document({ id, ...is })))
  const stored = () => JSON.parse(storage.objects.get(KEY)?.text ?? 'null') as JobDocument | null
  const calls = () => storage.calls.map((call) => call.replace(KEY, 'document'))
  const tripped: string[] = []
  const faults: FaultReporter = { trip: (by) => void tripped.push(by), reset: (by) => void tripped.push(`-${by}`) }
  const intake = (of: Message) => createIntake(parts)(of, faults)
  const take = (of: WorkSource = source, receiveCount = 1) => intake(message(toNotificationBody(of), receiveCount))
  return { clock, storage, queues, logged, events, tripped, documents, intake, take, stored, calls }
}

const errorOf = { code: 'internal.ffmpeg', message: 'ffmpeg failed', verdict: 'retry' } as const
const newer: Source = { ...source, etag: 'e2', sequencer: '0B' }
const { sequencer: _, ...unordered } = newer
const test = suite('intake')

test('a new job: in-progress message, then claim, then delete', async () => {
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
  const { id: ofId, source: of, claim: ofClaim, owner: ofOwner } = parseInProgressMessage(sent?.body ?? '') ?? {}
  assert.equal([ofId, of, ofClaim, ofOwner], [id, source, 1, owner])
})

test('every claim has an owner of its own', async () => {
  const owners = await Promise.all([1, 2, 3].map(async () => (await prepare().take())?.document.owner))
  assert.is(new Set(owners).size, 3)
})

test('a body that is no notification: to the dead queue with the reason, then deleted', async () => {
  for (const body of ['', 'null', '{}', '{"Records":[]}', '\0', '{"Records":[{"s3":null}]}', 'x'.repeat(200_000)]) {
    const { intake, calls, queues, logged } = prepare()
    assert.is(await intake(message(body)), null)
    assert.equal(calls(), ['dead.send', 'work.delete'])
    const dead = JSON.parse(queues.dead.sent[0]?.body ?? '') as { reason: string; body: string; error: object }
    assert.equal([dead.reason, dead.body], ['message.invalid', body.slice(0, 32 * 1024)])
    assert.ok(logged.some(({ level }) => level === 'error'))
  }
})

test('a body that is no notification stays while the dead queue is out of reach', async () => {
  const { intake, calls, queues } = prepare()
  queues.failures.add('dead.send')
  assert.is(await intake(message('garbage')), null)
  assert.equal(calls(), ['dead.send', 'work.hide'])
})

test('what is not for us is deleted, and nothing else is done', async () => {
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

test('several records: each to work by itself, then the original is deleted', async () => {
  const { intake, calls, queues } = prepare()
  const other = { ...source, key: 'origin_b.mp4', redrive: 7 }
  assert.is(await intake(several(source, other, { ...source, key: 'x' })), null)
  assert.equal(calls(), ['work.send', 'work.send', 'work.delete'])
  assert.equal(
    queues.work.sent.map(({ body }) => body),
    [toNotificationBody(source), toNotificationBody(other)],
  )
})

test('several records that cannot be sent: the original stays', async () => {
  const { intake, calls, queues } = prepare()
  queues.failures.add('work.send')
  assert.is(await intake(several(source, newer)), null)
  assert.equal(calls(), ['work.send', 'work.hide'])
})

test('a redriven job begins anew, with its history; neither document nor in-progress message keeps the redrive', async () => {
  const past = { attempt: 5, claim: 7, owner: 'x/1', startedAt: 'a', endedAt: 'b', error: errorOf }
  const dead = { state: 'dead', owner: null, attempt: 5, claim: 7, error: errorOf, history: [past] } as const
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

test('a duplicate and a superseded upload are deleted', async () => {
  const old = { ...source, sequencer: '09', etag: 'e0' }
  for (const [of, is] of [
    [source, { state: 'succeeded' }],
    [source, { state: 'dead', owner: null }],
    [old, {}],
  ] as const) {
    const { take, calls } = prepare(is)
    assert.is(await take(of), null)
    assert.equal(calls(), ['read document', 'work.delete'])
  }
})

test('an owned job: the message is hidden until the lease would end, never deleted', async () => {
  const { take, calls, queues, clock } = prepare({})
  await clock.advance(20_000)
  assert.is(await take(), null)
  assert.equal([...calls(), queues.work.hidden[0]?.seconds], ['read document', 'work.hide', 41])
})

test('attempts used up: dead queue, document, message, in this order, and the log says which job and why', async () => {
  const { take, calls, stored, logged, events } = prepare({ state: 'failed', attempt: 5, error: errorOf })
  assert.is(await take(), null)
  assert.equal(calls(), ['read document', 'dead.send', 'write document', 'work.delete'])
  assert.equal([stored()?.state, stored()?.error], ['dead', errorOf])
  assert.ok(
    logged.some(({ level, event }) => level === 'error' && event === 'job.dead_lettered'),
    JSON.stringify(logged),
  )
  assert.is(events.map(({ type }) => type).join(), 'job:dead_lettered')
})

test('a dead-lettering that another daemon was faster with: the message comes back', async () => {
  const { take, calls, storage, queues } = prepare({ state: 'failed', attempt: 5, error: errorOf })
  storage.writes.push((perform) => {
    storage.put(KEY, JSON.stringify(document({ id, state: 'dead', owner: null, nonce: 'other' })))
    return perform()
  })
  assert.is(await take(), null)
  assert.equal([...calls().slice(-2), queues.work.hidden[0]?.seconds], ['read document', 'work.hide', 1])
})

test('a lost race: the message is hidden for a second, the in-progress message is left to the sweeper', async () => {
  const { take, calls, storage, queues, stored } = prepare()
  storage.writes.push((perform) => {
    storage.put(KEY, JSON.stringify(document({ id, owner: 'other/1', nonce: 'other' })))
    return perform()
  })
  assert.is(await take(), null)
  assert.equal(calls(), ['read document', 'inProgress.send', 'write document', 'read document', 'work.hide'])
  assert.equal([queues.work.hidden[0]?.seconds, stored()?.owner], [1, 'other/1'])
})

test('the in-progress message cannot be sent: nothing is claimed', async () => {
  const { take, calls, queues, storage } = prepare()
  queues.failures.add('inProgress.send')
  assert.is(await take(), null)
  assert.equal(calls(), ['read document', 'inProgress.send', 'work.hide'])
  assert.is(storage.objects.size, 0)
})

test('a claimed message that cannot be deleted: the job is ours all the same', async () => {
  const { take, queues, logged, calls } = prepare()
  queues.failures.add('work.delete')
  assert.ok(await take())
  assert.is(calls().at(-1), 'work.delete')
  assert.ok(logged.some(({ level }) => level === 'warn'))
})

test('a document that cannot be read: the pause grows with every receive, up to 15 minutes', async () => {
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

test('it never throws, even when nothing at all can be reached', async () => {
  const { take, intake, queues, storage } = prepare()
  for (const call of ['work.hide', 'work.delete', 'dead.send', 'inProgress.send']) queues.failures.add(call)
  storage.readErrors.push(transient())
  assert.is(await take(), null)
  assert.is(await take(), null)
  assert.is(await intake(message('garbage')), null)
  assert.is(await intake(message('{"Event":"s3:TestEvent"}')), null)
})

test('a document of a newer version is not touched; the message is dead-lettered at its tenth receive', async () => {
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

test('another upload of unknown order: the bucket knows which one counts', async () => {
  const known = prepare({ state: 'succeeded' })
  known.storage.head = async () => ({ etag: 'e1', sizeBytes: 10, metadata: {} })
  assert.is(await known.take(unordered), null)
  assert.equal(known.calls(), ['read document', 'work.delete'])

  const other = prepare({ state: 'succeeded' })
  other.storage.head = async () => ({ etag: 'e2', sizeBytes: 10, metadata: {} })
  const claimed = (await other.take(unordered))?.document
  assert.equal([claimed?.source, claimed?.claim, claimed?.attempt], [unordered, 2, 1])
})

test('where sequencers say the order, and for the first upload, the bucket is not asked', async () => {
  for (const [of, is] of [
    [newer, { state: 'succeeded' }],
    [source, { state: 'released', owner: null }],
    [unordered, undefined],
  ] as const) {
    const { take, calls } = prepare(is)
    assert.ok(await take(of))
    assert.not.ok(calls().some((call) => call.startsWith('head')))
  }
})
