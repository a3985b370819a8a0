import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { createDocuments } from '../../daemon/job/documents.ts'
import type { FaultReporter } from '../../daemon/protocol/fault.ts'
import { parseDeadMessage } from '../../daemon/protocol/messages.ts'
import { createSweeper } from '../../daemon/schedule/sweeper.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { createTestLog } from '../helpers/context.ts'
import {
  createFakeClock,
  createFakeQueues,
  createFakeStorage,
  document,
  JOB,
  message,
  source,
  transient,
  turn,
} from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const KEY = `.mediad/jobs/${JOB}.json`
const limits = { attempts: 5, leaseSeconds: 60, recheckSeconds: 30 }
const body = JSON.stringify({ version: 1, id: JOB, source, claim: 1, owner: 'host/1' })

/** Creates a sweeper on queues and an S3 in memory, with the document `stored`. `calls` returns all calls in order. */
function prepare(stored?: string | Partial<JobDocument>) {
  const clock = createFakeClock()
  const storage = createFakeStorage(clock)
  const queues = createFakeQueues(storage.calls)
  const logged: { level: string; message: string }[] = []
  const documents = createDocuments({ storage, prefix: '.mediad/', clock: { ...clock, wait: () => turn() } })
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const sweep = createSweeper({ queues, documents, storage, limits, emit, log: createTestLog(logged) })
  if (stored !== undefined) storage.put(KEY, typeof stored === 'string' ? stored : JSON.stringify(document(stored)))
  const faults: FaultReporter = { trip() {}, reset() {} }
  const handle = (text = body, receiveCount = 1) => sweep(message(text, receiveCount), faults)
  const calls = () => storage.calls.map((call) => call.replace(KEY, 'document').replace(source.key, 'source'))
  return { clock, storage, queues, logged, events, handle, calls }
}

const unreadable: Record<string, string> = {
  'text that is not JSON': '{"version":1,',
  'a document of another version': JSON.stringify({ ...document(), version: 2 }),
  'an incomplete document': JSON.stringify({ ...document(), source: undefined }),
}

const test = suite('sweeper')

for (const [name, text] of Object.entries(unreadable)) {
  test(`keeps a message of ${name} until its tenth receive, then dead-letters and deletes it`, async () => {
    const { handle, calls, queues, storage, logged } = prepare(text)
    for (let receiveCount = 1; receiveCount < 10; receiveCount++) await handle(body, receiveCount)
    assert.equal(new Set(calls()), new Set(['read document']))
    assert.equal(new Set(logged.map(({ level }) => level)), new Set(['warn']))
    storage.calls.length = 0
    await handle(body, 10)
    assert.equal(calls(), ['read document', 'dead.send', 'inProgress.delete'])
    const dead = parseDeadMessage(queues.dead.sent[0]?.body ?? '')
    assert.equal([dead?.reason, dead?.body], ['internal.document', body])
    assert.match(dead?.error.message ?? '', JOB)
    assert.is(logged.filter(({ level }) => level === 'error').length, 1)
    assert.is(storage.objects.get(KEY)?.text, text, 'the document is unchanged')
  })
}

test('keeps a message of an unreadable document while the dead-letter queue is unreachable', async () => {
  const { handle, calls, queues, logged } = prepare('{')
  queues.failures.add('dead.send')
  await handle(body, 10)
  assert.equal(calls(), ['read document', 'dead.send'])
  assert.is(logged.at(-1)?.level, 'warn')
})

test('does not dead-letter a message because S3 is unavailable, at any number of receives', async () => {
  const { handle, calls, storage } = prepare({})
  storage.readErrors.push(transient())
  await handle(body, 1000)
  assert.equal(calls(), ['read document'])
})

test('dead-letters a body that is not an in-progress message at its first receive', async () => {
  const { handle, calls, queues } = prepare()
  await handle('garbage')
  assert.equal(calls(), ['dead.send', 'inProgress.delete'])
  assert.is(parseDeadMessage(queues.dead.sent[0]?.body ?? '')?.reason, 'message.invalid')
})

test('dead-letters a job without attempts left: dead message, document, then the in-progress message is deleted', async () => {
  const { handle, calls, storage } = prepare({ state: 'failed', attempt: 5 })
  await handle()
  assert.equal(calls(), ['read document', 'dead.send', 'write document', 'inProgress.delete'])
  assert.is((JSON.parse(storage.objects.get(KEY)?.text ?? '') as JobDocument).state, 'dead')
})

test('hides the message for a second when another daemon changes the document in the meantime', async () => {
  const { handle, calls, storage, queues } = prepare({ state: 'failed', attempt: 5 })
  storage.writes.push((perform) => {
    storage.put(KEY, JSON.stringify(document({ state: 'dead', owner: null, nonce: 'other' })))
    return perform()
  })
  await handle()
  assert.equal(calls().at(-1), 'inProgress.hide')
  assert.is(queues.inProgress.hidden[0]?.seconds, 1)
})

test('dead-letters the job of a source that was deleted', async () => {
  const { handle, calls } = prepare({ state: 'failed' })
  await handle()
  const expected = ['read document', 'head source', 'dead.send', 'write document', 'inProgress.delete']
  assert.equal(calls(), expected)
})

test('returns the source of an unfinished job to the work queue, then deletes the message', async () => {
  const { handle, calls, storage } = prepare({ state: 'failed' })
  storage.put(source.key, 'x')
  await handle()
  assert.equal(calls(), ['read document', 'head source', 'work.send', 'inProgress.delete'])
})

test('returns the source of an unfinished job that S3 cannot decrypt: the next attempt reports it', async () => {
  const { handle, calls, storage } = prepare({ state: 'failed' })
  storage.head = async () => {
    throw new MediadError('input.key_unavailable', 'm')
  }
  await handle()
  assert.equal(calls(), ['read document', 'work.send', 'inProgress.delete'])
})
