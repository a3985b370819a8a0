import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { documentSchema, type JobError, type PastAttempt, type Source } from '../../daemon/vocabulary/job.ts'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { createQueues } from '../../daemon/queue/queues.ts'
import { parseDeadMessage, parseInProgressMessage } from '../../daemon/protocol/messages.ts'
import { createFakeQueues, document, JOB, route, source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const inProgress = { id: JOB, source, claim: 3, owner: 'host/1' }
const error: JobError = { code: 'message.invalid', message: 'the body is not JSON', verdict: 'reject' }
const at = '2026-01-01T00:00:00.000Z'

/**
 * Limits of SQS: 256 KiB, and these characters.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
const MESSAGE_BYTES = 256 * 1024
const allowed = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u

function assertSendable(body: string | undefined): asserts body is string {
  assert.type(body, 'string')
  assert.ok(Buffer.byteLength(body ?? '') <= MESSAGE_BYTES, `${Buffer.byteLength(body ?? '')} bytes`)
  assert.match(body ?? '', allowed)
}

const test = suite('queues')

test('parses the in-progress message that was sent', async () => {
  const queues = createFakeQueues()
  await queues.sendInProgressMessage(inProgress, 30)
  assert.is(queues.inProgress.sent[0]?.delaySeconds, 30)
  assert.equal(parseInProgressMessage(queues.inProgress.sent[0]?.body ?? ''), inProgress)
})

test('sends and parses an in-progress message of any valid key', () => {
  const keys = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 400 })
    .filter((key) => Buffer.byteLength(key) <= 1024)
  return fc.assert(
    fc.asyncProperty(fc.oneof(keys, fc.constantFrom('\ufffe', '\uffff', '\0\x1b', '\u{10ffff}')), async (key) => {
      const queues = createFakeQueues()
      await queues.sendInProgressMessage({ ...inProgress, source: { ...source, key } }, 0)
      const { body } = queues.inProgress.sent[0] ?? {}
      assertSendable(body)
      assert.is(parseInProgressMessage(body)?.source.key, key)
    }),
  )
})

test('returns null for a body that is not an in-progress message', () => {
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
    assert.is(
      parseInProgressMessage(JSON.stringify({ version: 1, ...inProgress, ...change })),
      null,
      JSON.stringify(change),
    )
  }
  for (const body of ['', 'null', '[]', '{}', '7', '{', '\0', '{"__proto__":{"version":1}}', 'x'.repeat(200_000)]) {
    assert.is(parseInProgressMessage(body), null)
  }
})

const text = (value: object) => JSON.stringify({ version: 1, ...value })

test('validates a source equally in notifications, in-progress messages, dead messages and documents', () => {
  const longest = 'origin_'.padEnd(1024, 'x')
  const changes: [change: Partial<Record<keyof Source, unknown>>, isValid: boolean][] = [
    [{}, true],
    [{ key: longest }, true],
    [{ key: `${longest}x` }, false],
    [{ key: 'origin_'.padEnd(700, '漢') }, false],
    [{ key: 'origin_\ud800' }, false],
    [{ etag: '' }, false],
    [{ etag: 7 }, false],
    [{ sizeBytes: 0 }, true],
    [{ sizeBytes: -1 }, false],
    [{ sizeBytes: 1.5 }, false],
    [{ sizeBytes: 2 ** 60 }, false],
    [{ sequencer: 'xyz' }, false],
    [{ sequencer: 'a'.repeat(64) }, true],
    [{ sequencer: 'a'.repeat(65) }, false],
  ]
  const scope = { bucket: 'media', routes: [route] as const }
  for (const [change, isValid] of changes) {
    const { bucket, key, etag, sizeBytes: size, sequencer } = { ...source, ...change }
    // EventBridge does not encode keys
    const detail = { bucket: { name: bucket }, object: { key, etag, size, sequencer } }
    const event = { source: 'aws.s3', 'detail-type': 'Object Created', detail }
    const changed = { ...source, ...change }
    const job = { id: JOB, source: changed, claim: 1, attempt: 1, history: [] }
    const accepted = {
      notification: parseNotification(JSON.stringify(event), scope).kind === 'sources',
      inProgress: parseInProgressMessage(text({ ...inProgress, source: changed })) !== null,
      dead: parseDeadMessage(text({ reason: error.code, error, at, job })) !== null,
      document: documentSchema.safeParse({ ...document(), source: changed }).success,
    }
    const expected = { notification: isValid, inProgress: isValid, dead: isValid, document: isValid }
    assert.equal(accepted, expected, JSON.stringify(change).slice(0, 100))
  }
})

test('returns null for any other string', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (body) =>
      assert.is(parseInProgressMessage(body), null),
    ),
  )
})

test('sends a source to the work queue as a notification', async () => {
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

test('sends a dead message with the reason and the original body', async () => {
  assert.equal(await sendDead('{"a":"é"}'), { version: 1, reason: error.code, error, at, body: '{"a":"é"}' })
  assert.is((await sendDead('')).body, '')
})

for (const [name, unit] of Object.entries({
  letters: 'a',
  quotes: '"\\',
  'control characters': '\x01',
  Chinese: '漢',
  emoji: '🎬',
  'lone surrogates': '\ud800',
  noncharacters: '\uffff',
})) {
  test(`truncates a long body of ${name} in a dead message`, async () => {
    const { body } = await sendDead(unit.repeat(262_144 / unit.length))
    assert.is(String(body).length, 32 * 1024)
    assert.ok(unit.repeat(32 * 1024).startsWith(String(body).slice(0, 32 * 1024 - 1)) || !unit.isWellFormed())
  })
}

/** Returns the largest error of a program: 20 lines of 500 characters. */
const largestError = (unit: string): JobError => ({
  code: 'internal.ffmpeg',
  message: unit.repeat(500),
  verdict: 'retry',
  plugin: 'transcode',
  stderr: Array.from({ length: 20 }, () => unit.repeat(500)),
})

for (const unit of ['a', '"', '漢']) {
  test(`sends a dead message of a job with the longest history: stderr full of ${unit}`, async () => {
    const past = (n: number): PastAttempt => ({
      attempt: n,
      claim: n,
      owner: 'host-1/0a0a0a0a',
      startedAt: at,
      endedAt: at,
      error: largestError(unit),
    })
    const history = Array.from({ length: 20 }, (_, index) => past(index + 1))
    const job = { id: JOB, source: { ...source, key: unit.repeat(341) }, claim: 20, attempt: 20, history }
    const queues = createFakeQueues()
    await queues.sendDead({ reason: 'internal.ffmpeg', error: largestError(unit), at, job })
    assertSendable(queues.dead.sent[0]?.body)
    const dead = JSON.parse(queues.dead.sent[0].body) as { job: { id: string; history: PastAttempt[] } }
    assert.is(dead.job.id, JOB)
    assert.is(dead.job.history.at(-1)?.attempt, 20)
  })
}

test('parses a dead message as it was sent, and returns null for any other body', async () => {
  const job = { id: JOB, source, claim: 3, attempt: 2, history: [] }
  const messages = [
    { reason: error.code, error, at, job },
    { reason: error.code, error, at, body: '{"a":"é"}' },
  ]
  const queues = createFakeQueues()
  for (const message of messages) await queues.sendDead(message)
  assert.equal(
    queues.dead.sent.map(({ body }) => parseDeadMessage(body)),
    messages,
  )
  const others = [
    toJson({ version: 2 }),
    toJson({ job: { ...job, id: '../x' } }),
    toJson({ job: { ...job, claim: 0 } }),
  ]
  for (const body of ['', 'null', '{}', '[]', toJson({ error: 'x' }), ...others])
    assert.is(parseDeadMessage(body), null, body)
  function toJson(change: object): string {
    return JSON.stringify({ version: 1, reason: error.code, error, at, ...change })
  }
})

test('exposes the three queues', () => {
  const { work, inProgress, dead } = createFakeQueues()
  const queues = createQueues({ work, inProgress, dead })
  assert.is(queues.work, work)
  assert.is(queues.inProgress, inProgress)
  assert.is(queues.dead, dead)
})
