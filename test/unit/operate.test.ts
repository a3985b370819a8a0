import * as assert from 'uvu/assert'
import { createJobs } from '../../daemon/operate/jobs.ts'
import { visitDead } from '../../daemon/operate/visit.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import type { Message } from '../../daemon/queue/queue.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { document, route, source } from '../helpers/fakes.ts'
import { deadJob, error, id, isDead, noJob, prepareDead, redriven, toKey, toTrace } from '../helpers/dead-queue.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('operate')

test('redrive sends the source with the claim that died, then deletes the messages of that claim and older ones', async () => {
  for (const name of [id, source.key]) {
    const { dead, calls, sent, messages } = prepareDead([deadJob(3), deadJob(2), deadJob(4), noJob], isDead)
    const outcomes = await dead.redrive({ name })
    assert.equal([outcomes.length, outcomes[0]?.id, outcomes[0]?.done, outcomes[0]?.claim], [1, id, true, 3])
    assert.equal(calls(), ['work.send', `write ${toKey(id)}`, 'dead.delete', 'dead.delete', 'dead.hide', 'dead.hide'])
    assert.equal(sent(), [redriven])
    assert.equal(
      [...messages.keys()],
      ['m3', 'm4'],
      'keeps the message of another claim, and the one that is not a job',
    )
  }
})

test('redrive continues the trace of the job, and works without the queue', async () => {
  const { dead, queues } = prepareDead([noJob, deadJob(3)], isDead)
  await dead.redrive({ name: id })
  assert.equal(queues.work.sent[0]?.trace, toTrace(2))
  const other = prepareDead([], isDead)
  other.queues.dead.receive = () => Promise.reject(new Error('no answer'))
  await assertThrows(() => other.dead.redrive({ name: id }), /no answer/)
  assert.equal(other.sent(), [redriven])
})

test('redrive marks the document, which stays dead for the protocol', async () => {
  const { dead, documents } = prepareDead([deadJob(3)], isDead)
  const [outcome] = await dead.redrive({ name: id })
  const { redrivenAt = '', rev: _, nonce: __, ...draft } = (await documents.read(id))?.document ?? {}
  const { rev: ___, nonce: ____, ...before } = document({ id, ...isDead })
  assert.equal(draft, before)
  assert.ok(Date.parse(redrivenAt) > 0)
  assert.match(outcome?.detail ?? '', /state is queued until a daemon claims it/)
})

test('redrive succeeds without the mark: it was sent, and the outcome says why', async () => {
  const { dead, queues, documents } = prepareDead([deadJob(3)], isDead)
  const denied = new MediadError('access.denied', 'no permission')
  Object.assign(documents, { write: async () => Promise.reject(denied) })
  const [outcome] = await dead.redrive({ name: id })
  assert.equal([outcome?.done, queues.work.sent.length], [true, 1])
  assert.match(outcome?.detail ?? '', /stays dead until a daemon claims it.*no permission/)
})

test('redrive leaves a document alone that a daemon has claimed in the meantime', async () => {
  const { dead, documents, queues } = prepareDead([deadJob(3)], isDead)
  const send = queues.sendSource
  Object.assign(queues, {
    async sendSource(...args: Parameters<typeof send>) {
      await send(...args)
      const seen = await documents.read(id)
      await documents.write(document({ id, claim: 4 }), seen)
    },
  })
  assert.is((await dead.redrive({ name: id }))[0]?.done, true)
  const { claim, state, redrivenAt } = (await documents.read(id))?.document ?? {}
  assert.equal([claim, state, redrivenAt], [4, 'processing', undefined])
})

test('redrive deletes nothing and returns all messages if a source cannot be sent', async () => {
  const { dead, queues, messages, hidden } = prepareDead([deadJob(3), noJob], isDead)
  queues.failures.add('work.send')
  await assertThrows(() => dead.redrive({}), /send failed/)
  assert.equal([messages.size, hidden.size], [2, 0])
})

test('redrive can be repeated after it died before the delete', async () => {
  const { dead, queues, sent, messages } = prepareDead([deadJob(3)], isDead)
  queues.failures.add('dead.delete')
  await assertThrows(() => dead.redrive({ name: id }), /delete failed/)
  queues.failures.clear()
  await dead.redrive({ name: id })
  assert.equal(sent(), [redriven, redriven], 'the second is a duplicate of the same claim')
  assert.is(messages.size, 0)
})

test('redrive works without the dead-letter message of the job', async () => {
  const { dead, sent } = prepareDead([], isDead)
  assert.is((await dead.redrive({ name: id }))[0]?.done, true)
  assert.equal(sent(), [redriven])
})

for (const state of ['processing', 'failed', 'released', 'succeeded'] as const) {
  test(`redrive skips a job that is ${state}, and keeps its dead-letter message`, async () => {
    const { dead, calls, messages } = prepareDead([deadJob(3)], { state, claim: 3 })
    for (const name of [id, undefined]) {
      const [outcome] = await dead.redrive({ name })
      assert.equal([outcome?.done, outcome?.detail], [false, `the job is not dead: its state is ${state}`])
    }
    assert.equal(calls(), ['dead.hide', 'dead.hide'])
    assert.is(messages.size, 1)
  })
}

test('redrive skips jobs whose document is missing or cannot be read, and redrives others', async () => {
  const { dead, messages, storage } = prepareDead([deadJob(3)])
  assert.match((await dead.redrive({ name: id }))[0]?.detail ?? '', 'no document')
  assert.is(messages.size, 1)
  storage.put(toKey(id), '{}')
  const other = { ...source, key: 'origin_b.mp4' }
  const otherId = toJobId('media', other.key)
  storage.put(toKey(otherId), JSON.stringify(document({ ...isDead, id: otherId, source: other })))
  assert.equal(await dead.redrive({ name: 'origin_nobody.mp4' }), [])
  const outcomes = await dead.redrive({ name: id })
  assert.match(outcomes[0]?.detail ?? '', 'not valid for this version')
  assert.is((await dead.redrive({ name: otherId }))[0]?.done, true)
})

test('redrive sends the source of an in-progress message whose document could not be read', async () => {
  const body = JSON.stringify({ version: 1, id, source, claim: 3, owner: 'host/1' })
  const { dead, sent, messages } = prepareDead([{ reason: 'internal.document', error, at: 'x', body }])
  const outcomes = await dead.redrive({})
  assert.equal(
    outcomes.map(({ id, key, done }) => [id, key, done]),
    [['m1', source.key, true]],
  )
  assert.equal(sent(), [{ kind: 'sources', sources: [{ source, route }] }])
  assert.is(messages.size, 0)
})

test('redrive sends a message that is not a job to the work queue only if it is a valid notification now', async () => {
  const body = toNotificationBody(source)
  const { dead, queues, messages } = prepareDead([noJob, { ...noJob, body }, body, 'invalid'])
  const outcomes = await dead.redrive({})
  assert.equal(
    outcomes.map(({ id, done }) => [id, done]),
    [
      ['m1', false],
      ['m2', true],
      ['m3', true],
      ['m4', false],
    ],
  )
  assert.equal(
    queues.work.sent.map(({ body }) => body),
    [body, body],
  )
  assert.equal([...messages.keys()], ['m1', 'm4'])
  assert.is((await dead.redrive({ name: 'm1' }))[0]?.done, false)
})

test('list returns each job once, with its latest claim and its document, and deletes nothing', async () => {
  const { dead, calls, messages, hidden } = prepareDead([deadJob(2), noJob, deadJob(3), deadJob(1), 'invalid'], isDead)
  const listed = await dead.list({})
  assert.equal(
    listed.map(({ id, messages, dead, document, body }) => [id, messages, dead?.job?.claim, document?.state, body]),
    [
      [id, 3, 3, 'dead', undefined],
      ['m2', 1, undefined, undefined, 'not JSON'],
      ['m5', 1, undefined, undefined, 'invalid'],
    ],
  )
  assert.equal(new Set(calls()), new Set(['dead.hide']))
  assert.equal([messages.size, hidden.size], [5, 0])
  assert.equal((await dead.list({ name: source.key })).length, 1)
  assert.equal(await dead.list({ name: 'nobody' }), [])
})

test('drop deletes the selected messages, and nothing else', async () => {
  const { dead, messages, queues, storage } = prepareDead([deadJob(2), noJob, deadJob(3)], isDead)
  assert.equal(await dead.drop({ name: source.key }), [{ id, key: source.key, done: true, detail: 'dropped' }])
  assert.equal([...messages.keys()], ['m2'])
  assert.equal(await dead.drop({ name: 'nobody' }), [])
  assert.is((await dead.drop({})).length, 1)
  assert.is(messages.size, 0)
  assert.equal([queues.work.sent, storage.calls.filter((call) => call.startsWith('write'))], [[], []])
})

test('a stopped visit returns the messages it has received', async () => {
  const { queues, log, hidden, messages } = prepareDead([noJob, noJob, noJob])
  const stop = new AbortController()
  const visit = () => {
    stop.abort(new Error('stopped'))
    return false
  }
  await assertThrows(() => visitDead({ queue: queues.dead, log, signal: stop.signal, visit }), /stopped/)
  assert.equal([hidden.size, messages.size], [0, 3])
})

test('visits a message once if it is delivered twice', async () => {
  const { queues, log } = prepareDead()
  const [one, two] = ['a', 'b'].map((name) => ({ id: name, body: name, receipt: name, receiveCount: 1 })) as [
    Message,
    Message,
  ]
  const batches = [[one, two], [one], [two]]
  queues.dead.receive = async () => batches.shift() ?? []
  const visited: string[] = []
  await visitDead({ queue: queues.dead, log, visit: ({ message }) => visited.push(message.id) > 0 && message === one })
  assert.equal(visited, ['a', 'b'])
  assert.equal(
    queues.calls.filter((call) => call === 'dead.delete'),
    ['dead.delete', 'dead.delete'],
    'the deleted message was delivered again, and deleted again',
  )
})

test('lists jobs of one state, last written first, up to the limit, and documents that cannot be read', async () => {
  const { storage, documents } = prepareDead()
  const ids = Array.from({ length: 20 }, (_, n) => toJobId('media', `origin_${n}.mp4`))
  for (const [n, job] of ids.entries())
    storage.put(
      toKey(job),
      n === 4 ? '{}' : JSON.stringify(document({ id: job, state: n % 2 === 0 ? 'succeeded' : 'dead' })),
    )
  storage.put('.mediad/jobs/other.txt', 'x')
  async function* list() {
    const all = ids.map((job, n) => ({ key: toKey(job), modifiedAt: new Date(n * 1000) }))
    yield all.slice(0, 7)
    yield [...all.slice(7), { key: '.mediad/jobs/other.txt', modifiedAt: new Date() }]
  }
  const jobs = createJobs({ list, documents, bucket: 'media', statePrefix: '.mediad/' })
  const read = async (options: Parameters<typeof jobs.list>[0]) => {
    const ids: string[] = []
    for await (const entry of jobs.list(options)) ids.push('seen' in entry ? entry.id : `! ${entry.id}`)
    return ids
  }
  const newest = ids.toReversed().map((job) => (job === ids[4] ? `! ${job}` : job))
  assert.equal(await read({ limit: 100 }), newest)
  storage.calls.length = 0
  assert.equal(await read({ limit: 3 }), newest.slice(0, 3))
  assert.is(storage.calls.length, 3, 'no more documents are read than needed')
  const dead = ids.filter((_, n) => n % 2 === 1).toReversed()
  assert.equal(await read({ limit: 9, state: 'dead' }), [...dead.slice(0, 8), `! ${ids[4]}`])
  assert.equal(await jobs.find('origin_7.mp4'), await jobs.find(ids[7] ?? ''))
  assert.is((await jobs.find(ids[7] ?? ''))?.document.state, 'dead')
  assert.is(await jobs.find('origin_77.mp4'), null)
})

async function assertThrows(act: () => Promise<unknown>, pattern: RegExp): Promise<void> {
  const problem = await act().then(
    () => 'no error',
    (thrown: Error) => thrown.message,
  )
  assert.match(problem, pattern)
}
