import * as assert from 'uvu/assert'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { route } from '../helpers/fakes.ts'
import { eventBridge, record, sns, sqs } from '../helpers/notifications.ts'
import { suite } from '../helpers/suite.ts'

const scope = { bucket: 'media', routes: [route] as const }
const parse = (value: unknown) => parseNotification(JSON.stringify(value), scope)

/** Returns the only source of a body. */
function only(value: unknown) {
  const found = parse(value)
  if (found.kind !== 'sources') throw new Error(`${found.kind}: ${found.reason}`)
  assert.equal([found.sources.length, found.invalidReason], [1, undefined])
  return found.sources[0]?.source
}

const unordered = { bucket: 'media', key: 'origin_a.mp4', etag: 'e1', sizeBytes: 10 }
const expected = { ...unordered, sequencer: '0A1B' }
const object = { key: 'origin_a.mp4', size: 10, etag: 'e1', sequencer: '0A1B' }

/** Returns the body of MinIO's webhook. */
function minio(object: object) {
  const s3 = { s3SchemaVersion: '1.0', configurationId: 'Config', bucket: { name: 'media' }, object }
  const event = { eventVersion: '2.0', eventSource: 'minio:s3', eventName: 's3:ObjectCreated:Put', s3 }
  return { EventName: event.eventName, Key: 'media/origin_a.mp4', Records: [event] }
}

const test = suite('formats of notifications')

test('accepts the events of old versions of Ceph: a lower-case etag, an empty sequencer', () => {
  const { key, size, sequencer } = record().s3.object
  const ceph = { ...record(), s3: { bucket: { name: 'media' }, object: { key, size, sequencer, etag: '"e1"' } } }
  assert.equal(only({ Records: [ceph] }), expected)
  assert.equal(only({ Records: [record({ sequencer: '' })] }), unordered)
  assert.equal(only(eventBridge({}, { object: { ...object, sequencer: '' } })), unordered)
})

test('accepts the webhook events of MinIO, which leave out a size of 0', () => {
  const written = { key: 'origin_a.mp4', eTag: 'e1', sequencer: '0A1B', contentType: 'video/mp4' }
  assert.equal(only(minio({ ...written, size: 10 })), expected)
  assert.equal(only(minio({ ...written, key: 'origin_caf%C3%A9%2Fa+b.mp4', size: 10 }))?.key, 'origin_café/a b.mp4')
  assert.equal(only(minio(written)), { ...expected, sizeBytes: 0 })
  assert.equal(parse(minio({ ...written, key: 'origin_a%2F' })), { kind: 'ignored', reason: 'a folder' })
  const { size: _, ...unsized } = record().s3.object
  const amazon = { ...record(), s3: { bucket: { name: 'media' }, object: unsized } }
  assert.equal(parse({ Records: [amazon] }), { kind: 'invalid', reason: 'the object has no size' })
})

test('ignores folder markers: empty objects whose key ends in a slash', () => {
  assert.equal(parse({ Records: [record({ key: 'origin_a/', size: 0 })] }), { kind: 'ignored', reason: 'a folder' })
  assert.is(parse(eventBridge({}, { object: { ...object, key: 'origin_a/b/', size: 0 } })).kind, 'ignored')
  assert.is(only({ Records: [record({ key: 'origin_a/', size: 1 })] })?.key, 'origin_a/')
  assert.is(only({ Records: [record({ size: 0 })] })?.sizeBytes, 0)
})

test('parses the arrays of EventBridge pipes: events, notifications, records, and SQS messages with these', () => {
  for (const element of [record(), { Records: [record()] }, sns({ Records: [record()] })]) {
    assert.equal(only([element]), expected)
    assert.equal(only([sqs(JSON.stringify(element))]), expected)
  }
  assert.is(only([eventBridge(), { Event: 's3:TestEvent' }])?.key, 'origin_a b+%20.mp4')
  const two = parse([record({ key: 'origin_1' }), sqs(JSON.stringify(eventBridge()))])
  assert.is(two.kind === 'sources' && two.sources.length, 2)
  assert.is(parse([record({ key: 'cvted_1' }), eventBridge({ 'detail-type': 'Object Deleted' })]).kind, 'ignored')
})

test('rejects other arrays, and reports an invalid element beside valid ones', () => {
  const nested = sqs(JSON.stringify(sqs(JSON.stringify(record()))))
  for (const body of [[], [7], [null], [[record()]], [{}], [sqs(7)], [sqs('x')], [sqs('[]')], [sqs('7')], [nested]])
    assert.is(parse(body).kind, 'invalid', JSON.stringify(body))
  for (const other of [7, {}, { Records: [record(), null] }]) {
    const found = parse([record(), other])
    assert.type(found.kind === 'sources' && found.invalidReason, 'string', JSON.stringify(other))
  }
})
