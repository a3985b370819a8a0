/** Notifications of an upload to `media/origin_a.mp4` in the three formats, with changes applied. */

export type Change = {
  eventName?: unknown
  bucket?: unknown
  key?: unknown
  eTag?: unknown
  size?: unknown
  sequencer?: unknown
}

/** Returns one record as S3 sends it. */
export function record(change: Change = {}) {
  const { eventName = 'ObjectCreated:Put', bucket = 'media' } = change
  const object = { key: 'origin_a.mp4', size: 10, eTag: 'e1', sequencer: '0A1B', ...pick(change) }
  return { eventVersion: '2.1', eventSource: 'aws:s3', eventName, s3: { bucket: { name: bucket }, object } }
}

function pick(change: Change) {
  const { eventName: _, bucket: __, ...object } = change
  return object
}

/** Returns an event as EventBridge sends it, with a key that is not encoded. */
export const eventBridge = (change: object = {}, detail: object = {}) => ({
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: {
    bucket: { name: 'media' },
    object: { key: 'origin_a b+%20.mp4', size: 10, etag: 'e1', sequencer: '0A1B' },
    ...detail,
  },
  ...change,
})

/** Returns a message as SNS wraps it. */
export const sns = (inner: unknown) => ({
  Type: 'Notification',
  MessageId: 'x',
  Message: typeof inner === 'string' ? inner : JSON.stringify(inner),
})

/** Returns an SQS message as an EventBridge pipe passes it on. */
export const sqs = (body: unknown) => ({ messageId: 'x', eventSource: 'aws:sqs', body })
