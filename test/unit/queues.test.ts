import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { JobError, PastAttempt } from '../../daemon/vocabulary/job.ts'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { createQueues } from '../../daemon/queue/queues.ts'
import { parseDead, parseRecord } from '../../daemon/protocol/messages.ts'
import { createFakeQueues, JOB, route, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const record = { id: JOB, source, claim: 3, owner: 'host/1' }
const error: JobError = { code: 'message.invalid', message: 'the body is not JSON', verdict: 'reject' }
const at = '2026-01-01T00:00:00.000Z'

/** SQS takes 256 KiB, and of all characters only these. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const MESSAGE_BYTES = 256 * 1024
const allowed = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u

function assertSendable(body: string | undefined): asserts body is string {
  assert.type(body, 'string')
  assert.ok(Buffer.byteLength(body ?? '') <= MESSAGE_BYTES, `${Buffer.byteLength(body ?? '')} bytes`)
  assert.match(body ?? '', allowed)
}

const test = suite('queues')

test('a record comes back from the body that was sent', async () => {
  const queues = createFakeQueues()
  await queues.sendRecord(record, 30)
  assert.is(queues.inProgress.sent[0]?.delaySeconds, 30)
  const { id, source, claim, owner } = parseRecord(queues.inProgress.sent[0]?.body ?? '') ?? {}
  assert.equal({ id, source, claim, owner }, record)
})

test('a record of any key can be sent and comes back', () => {
  const keys = fc.string({ unit: 'binary', maxLength: 400 })
  return fc.assert(
    fc.asyncProperty(fc.oneof(keys, fc.constantFrom('\ufffe', '\uffff', '\0\x1b', '\u{10ffff}')), async (key) => {
      const queues = createFakeQueues()
      await queues.sendRecord({ ...record, source: { ...source, key } }, 0)
      const { body } = queues.inProgress.sent[0] ?? {}
      assertSendable(body)
      assert.is(parseRecord(body)?.source.key, key)
    }),
  )
})

test('a body that is no record is null', () => {
  const changes: Record<string, unknown>[] = [
    { version: 2 },
    { version: undefined },
    { id: 'short' },
    { id: JOB.toUpperCase() },
    { id: `../${JOB}` },
    { source: null },
    { source: { ...source, key: 7 } },
    { source: { ...source, sizeBytes: null } },
    { source: { ...source, key: '\ud800' } },
    { claim: 0 },
    { claim: 1.5 },
    { claim: '1' },
    { owner: null },
  ]
  for (const change of changes) {
    assert.is(parseRecord(JSON.stringify({ version: 1, ...record, ...change })), null, JSON.stringify(change))
  }
  for (const body of ['', 'null', '[]', '{}', '7', '{', '\0', '{"__proto__":{"version":1}}', 'x'.repeat(200_000)]) {
    assert.is(parseRecord(body), null)
  }
})

test('any string is a record or none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (body) => assert.is(parseRecord(body), null)),
  )
})

test('a source goes to work as a notification', async () => {
  const queues = createFakeQueues()
  await queues.sendSource(source, 7)
  const [{ body, delaySeconds } = { body: '', delaySeconds: -1 }] = queues.work.sent
  assert.is(delaySeconds, 7)
  const scope = { bucket: 'media', routes: [route] as const }
  assert.equal(parseNotification(body, scope), { kind: 'sources', sources: [{ source, route }] })
})

async function sendDead(body: string) {
  const queues = createFakeQueues()
  await queues.sendDead({ reason: error.code, error, at, body })
  const [sent] = queues.dead.sent
  assertSendable(sent?.body)
  return JSON.parse(sent.body) as Record<string, unknown>
}

test('a dead message carries the reason and the body as it came', async () => {
  assert.equal(await sendDead('{"a":"é"}'), { version: 1, reason: error.code, error, at, body: '{"a":"é"}' })
  assert.is((await sendDead('')).body, '')
})

for (const [name, unit] of Object.entries({
  letters: 'a',
  quotes: '"\\',
  'control characters': '\x01',
  Chinese: '漢',
  'film clappers': '🎬',
  'lone surrogates': '\ud800',
  noncharacters: '\uffff',
})) {
  test(`a long dead body is cut and can be sent, whatever is in it: ${name}`, async () => {
    const { body } = await sendDead(unit.repeat(262_144 / unit.length))
    assert.is(String(body).length, 32 * 1024)
    assert.ok(unit.repeat(32 * 1024).startsWith(String(body).slice(0, 32 * 1024 - 1)) || !unit.isWellFormed())
  })
}

/** As much as the end of a program's output may be: 20 lines of 500 characters. */
const chatty = (unit: string): JobError => ({
  code: 'internal.ffmpeg',
  message: unit.repeat(500),
  verdict: 'retry',
  plugin: 'transcode',
  stderr: Array.from({ length: 20 }, () => unit.repeat(500)),
})

for (const unit of ['a', '"', '漢']) {
  test(`a job with the longest history can be buried: stderr full of ${unit}`, async () => {
    const past = (n: number): PastAttempt => ({
      attempt: n,
      claim: n,
      owner: 'host-1/0a0a0a0a',
      startedAt: at,
      endedAt: at,
      error: chatty(unit),
    })
    const history = Array.from({ length: 20 }, (_, index) => past(index + 1))
    const job = { id: JOB, source: { ...source, key: unit.repeat(341) }, claim: 20, attempt: 20, history }
    const queues = createFakeQueues()
    await queues.sendDead({ reason: 'internal.ffmpeg', error: chatty(unit), at, job })
    assertSendable(queues.dead.sent[0]?.body)
    const dead = JSON.parse(queues.dead.sent[0].body) as { job: { id: string; history: PastAttempt[] } }
    assert.is(dead.job.id, JOB)
    assert.is(dead.job.history.at(-1)?.attempt, 20)
  })
}

test('a dead message is read as it was sent; nothing else is one', async () => {
  const job = { id: JOB, source, claim: 3, attempt: 2, history: [] }
  const messages = [
    { reason: error.code, error, at, job },
    { reason: error.code, error, at, body: '{"a":"é"}' },
  ]
  const queues = createFakeQueues()
  for (const message of messages) await queues.sendDead(message)
  assert.equal(
    queues.dead.sent.map(({ body }) => parseDead(body)),
    messages,
  )
  const others = [
    toJson({ version: 2 }),
    toJson({ job: { ...job, id: '../x' } }),
    toJson({ job: { ...job, claim: 0 } }),
  ]
  for (const body of ['', 'null', '{}', '[]', toJson({ error: 'x' }), ...others]) assert.is(parseDead(body), null, body)
  function toJson(change: object): string {
    return JSON.stringify({ version: 1, reason: error.code, error, at, ...change })
  }
})

test('the queues it is made of are the queues it has', () => {
  const { work, inProgress, dead } = createFakeQueues()
  const queues = createQueues({ work, inProgress, dead })
  assert.is(queues.work, work)
  assert.is(queues.inProgress, inProgress)
  assert.is(queues.dead, dead)
})
