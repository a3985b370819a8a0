import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { WorkSource } from '../../daemon/vocabulary/job.ts'
import { encodeKey, parseNotification, toNotificationBody } from '../../daemon/protocol/notification.ts'
import { route } from '../helpers/fakes.ts'
import { eventBridge, record, sns, sqs, type Change } from '../helpers/notifications.ts'
import { suite } from '../helpers/suite.ts'

const scope = { bucket: 'media', routes: [route] as const }
const parse = (value: unknown) => parseNotification(typeof value === 'string' ? value : JSON.stringify(value), scope)

function only(value: unknown): WorkSource {
  const found = parse(value)
  if (found.kind !== 'sources') throw new Error(`${found.kind}: ${found.reason}`)
  assert.is(found.sources.length, 1)
  assert.is(found.sources[0]?.route, route)
  return found.sources[0]?.source as WorkSource
}

const expected: WorkSource = { bucket: 'media', key: 'origin_a.mp4', etag: 'e1', sizeBytes: 10, sequencer: '0A1B' }

const test = suite('notification')

test('parses the format of S3', () => {
  assert.equal(only({ Records: [record()] }), expected)
  for (const name of ['Post', 'Copy', 'CompleteMultipartUpload']) {
    assert.equal(only({ Records: [record({ eventName: `ObjectCreated:${name}` })] }), expected)
  }
})

test('removes quotes from an etag', () => {
  assert.is(only({ Records: [record({ eTag: '"e1"' })] }).etag, 'e1')
})

test('accepts a record without a sequencer', () => {
  const { sequencer: _, ...without } = expected
  assert.equal(only({ Records: [record({ sequencer: undefined })] }), without)
})

test('returns the sources of several records in order, without other objects', () => {
  const keys = ['origin_1.mp4', 'cvted_1.mp4', 'origin_2.mp4']
  const found = parse({ Records: keys.map((key) => record({ key })) })
  assert.equal(found.kind === 'sources' && found.sources.map(({ source }) => source.key), [
    'origin_1.mp4',
    'origin_2.mp4',
  ])
})

test('parses an S3 record, an EventBridge event and a test event in an SNS message', () => {
  assert.equal(only(sns({ Records: [record()] })), expected)
  assert.is(only(sns(eventBridge())).key, 'origin_a b+%20.mp4')
  assert.is(parse(sns({ Event: 's3:TestEvent' })).kind, 'ignored')
})

test('rejects an SNS message in an SNS message, and any other content of one', () => {
  for (const inner of [sns({ Records: [record()] }), sns(sns('x')), 'text', '', '[]', 'null', {}]) {
    assert.is(parse(sns(inner)).kind, 'invalid', JSON.stringify(inner))
  }
  assert.is(parse({ Type: 'Notification', Message: 7 }).kind, 'invalid')
  assert.is(parse({ Type: 'SubscriptionConfirmation', Message: 'x' }).kind, 'invalid')
})

test('does not decode a key of EventBridge', () => {
  assert.equal(only(eventBridge()), { ...expected, key: 'origin_a b+%20.mp4' })
})

test('ignores other events, buckets and keys of EventBridge, and rejects incomplete events', () => {
  const object = { key: 'cvted_a.mp4', size: 1, etag: 'e' }
  assert.is(parse(eventBridge({ 'detail-type': 'Object Deleted' })).kind, 'ignored')
  assert.is(parse(eventBridge({}, { bucket: { name: 'other' } })).kind, 'ignored')
  assert.is(parse(eventBridge({}, { object })).kind, 'ignored')
  assert.is(parse(eventBridge({}, { object: null })).kind, 'invalid')
  assert.is(parse(eventBridge({}, { bucket: [] })).kind, 'invalid')
  assert.is(parse(eventBridge({ source: 'aws.ec2' })).kind, 'invalid')
})

test('does not throw for an EventBridge event whose name is not text', () => {
  const names: unknown[] = [undefined, null, {}, { toString: 1, valueOf: 1 }, [[{ toString: null }]]]
  for (const name of names) assert.is.not(parse(eventBridge({ 'detail-type': name })).kind, 'sources')
})

test('ignores valid notifications that need no job', () => {
  const records: Change[] = [
    { eventName: 'ObjectRemoved:Delete' },
    { eventName: 'ObjectRestore:Completed' },
    { bucket: 'other' },
    { key: 'cvted_a.mp4' },
    { key: '.mediad/jobs/x.json' },
    { key: 'x/origin_a.mp4' },
  ]
  for (const change of records) {
    assert.is(parse({ Records: [record(change)] }).kind, 'ignored', JSON.stringify(change))
  }
  assert.is(parse({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'media' }).kind, 'ignored')
})

const garbage: [name: string, body: string][] = [
  ['nothing', ''],
  ['null', 'null'],
  ['an array', '[]'],
  ['an object', '{}'],
  ['a number', '7'],
  ['a string', '"origin_a.mp4"'],
  ['no records', '{"Records":[]}'],
  ['records that are not a list', '{"Records":{"length":1}}'],
  ['200 KB of text', 'x'.repeat(200_000)],
  ['200 KB of brackets', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['incomplete JSON', '{"Records":[{'],
  ['NUL', '\0'],
  ['NUL in JSON', '{"Records":[{"eventName":"\0"}]}'],
  ['a lone surrogate', '\ud800'],
  ['no s3', '{"Records":[{"s3":null}]}'],
  ['no s3, created', '{"Records":[{"eventName":"ObjectCreated:Put","s3":null}]}'],
  ['null records', '{"Records":[null,null]}'],
  ['__proto__', '{"__proto__":{"Records":[1],"Event":"s3:TestEvent"}}'],
  ['__proto__ in a record', '{"Records":[{"__proto__":{"eventName":"ObjectCreated:Put"}}]}'],
  ['constructor', '{"constructor":{"prototype":{"Records":[]}}}'],
]

for (const [name, body] of garbage) {
  test(`rejects another body with a reason: ${name}`, () => {
    const found = parseNotification(body, scope)
    assert.is(found.kind, 'invalid')
    assert.ok(found.kind === 'invalid' && found.reason.length > 5 && found.reason.length < 200)
    assert.is(({} as { Records?: unknown }).Records, undefined)
  })
}

const invalid: Change[] = [
  { key: undefined },
  { key: '' },
  { key: 7 },
  { key: 'origin_%zz' },
  { key: 'origin_%' },
  { key: 'origin_%ff' },
  { key: 'origin_%ed%a0%80' },
  { key: 'origin_\ud800' },
  { key: `origin_${'a'.repeat(1024)}` },
  { key: `origin_${'%F0%9F%8E%AC'.repeat(255)}` },
  { eTag: undefined },
  { eTag: '' },
  { eTag: '""' },
  { eTag: 7 },
  { size: undefined },
  { size: -1 },
  { size: 1.5 },
  { size: '10' },
  { size: 2 ** 60 },
  { sequencer: 'xyz' },
  { sequencer: 7 },
  { bucket: 7 },
  { bucket: null },
  { eventName: 7 },
]

for (const change of invalid) {
  test(`rejects an invalid record: ${JSON.stringify(change).slice(0, 60)} ${Object.keys(change).join()}`, () => {
    assert.is(parse({ Records: [record(change)] }).kind, 'invalid')
  })
}

test('decodes keys exactly once', () => {
  const cases = {
    'origin_%252e%252e%252f': 'origin_%2e%2e%2f',
    'origin_a+b': 'origin_a b',
    'origin_a%2Bb': 'origin_a+b',
    'origin_a%20b': 'origin_a b',
    'origin_%E2%82%AC': 'origin_€',
    'origin_a/b': 'origin_a/b',
    'origin_%00': 'origin_\0',
    'origi%6e_a': 'origin_a',
  }
  for (const [encoded, key] of Object.entries(cases)) assert.is(only({ Records: [record({ key: encoded })] }).key, key)
})

test('encodes keys like S3', () => {
  assert.is(encodeKey('origin_a b/c+d%€'), 'origin_a+b/c%2Bd%25%E2%82%AC')
})

const key = fc
  .string({ unit: 'binary', maxLength: 400 })
  .map((rest) => `origin_${rest}`)
  .filter((text) => text.isWellFormed() && Buffer.byteLength(text) <= 1024)
const sequencer = fc.option(fc.stringMatching(/^[0-9A-F]{1,64}$/), { nil: undefined })

test('parses the body that is made from any source', () => {
  const etag = fc.stringMatching(/^[0-9a-f]{32}(-[1-9][0-9]{0,3})?$/)
  const sources = fc.record({ key, etag, sizeBytes: fc.maxSafeNat(), sequencer })
  fc.assert(
    fc.property(sources, ({ sequencer, ...rest }) => {
      const source = { bucket: 'media', ...rest, ...(sequencer !== undefined && { sequencer }) }
      assert.equal(only(toNotificationBody(source)), source)
      assert.equal(only(sns(toNotificationBody(source))), source)
    }),
  )
})

test('keeps the claim number of a redrive', () => {
  const redriven = { ...expected, redrive: 3 }
  assert.equal(only(toNotificationBody(redriven)), redriven)
  assert.equal(only(sns(toNotificationBody(redriven))), redriven)
})

test('rejects a redrive without a valid claim number, and ignores one of another object', () => {
  for (const mediad of [null, 3, 'x', [], {}, { redrive: 0 }, { redrive: 1.5 }, { redrive: '3' }, { redrive: 2 ** 53 }])
    assert.is(parse({ Records: [{ ...record(), mediad }] }).kind, 'invalid', JSON.stringify(mediad))
  assert.is(parse({ Records: [{ ...record({ key: 'cvted_a.mp4' }), mediad: { redrive: 3 } }] }).kind, 'ignored')
})

test('accepts a key of exactly 1,024 bytes', () => {
  const longest = `origin_${'€'.repeat(339)}`
  assert.is(Buffer.byteLength(longest), 1024)
  assert.is(only(toNotificationBody({ ...expected, key: longest })).key, longest)
})

const kinds = new Set(['sources', 'ignored', 'invalid'])

test('returns a result for every string', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json({ depthSize: 'large' })), (body) => {
      assert.ok(kinds.has(parseNotification(body, scope).kind))
    }),
    { numRuns: 500 },
  )
})

test('returns a result for every value in every field of a notification', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom({ toString: 1, valueOf: 1 }, [{ toString: null }]))
  const names = [
    'Type',
    'Message',
    'Event',
    'Records',
    'body',
    'source',
    'detail-type',
    'detail',
    'bucket',
    'object',
    's3',
    'key',
  ]
  const near = (base: object) =>
    fc
      .tuple(fc.constantFrom(...names), value)
      .map(([name, change]) => Object.assign(structuredClone(base), { [name]: change }))
  const bodies = fc.oneof(
    near({ Records: [record()] }),
    near(record()).map((changed) => ({ Records: [changed] })),
    value.map((mediad) => ({ Records: [{ ...record(), mediad }] })),
    near(record().s3).map((s3) => ({ Records: [{ ...record(), s3 }] })),
    near(eventBridge()),
    near(eventBridge().detail).map((detail) => eventBridge({ detail })),
    near(sns({ Records: [record()] })),
    near(sqs(JSON.stringify(record()))).map((event) => [event]),
    near(record()).map((changed) => [changed, eventBridge()]),
  )
  fc.assert(
    fc.property(bodies, (body) => assert.ok(kinds.has(parse(body).kind))),
    { numRuns: 1000 },
  )
})
