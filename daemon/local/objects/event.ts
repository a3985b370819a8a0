import { randomBytes } from 'node:crypto'
import { encodeKey } from '../../protocol/notification.ts'
import type { Entry } from './objects.ts'

export type EventName =
  | 'ObjectCreated:Put'
  | 'ObjectCreated:Post'
  | 'ObjectCreated:Copy'
  | 'ObjectCreated:CompleteMultipartUpload'

/** A completed write, for which the work queue gets an event notification. */
export type Write = {
  readonly event: EventName
  readonly entry: Entry
  /** Increases with each write. */
  readonly sequence: number
  readonly sourceIp: string
}

/**
 * Returns the message that S3 sends for a write.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export function toEventNotification({ event, entry, sequence, sourceIp }: Write): string {
  const { bucket, key, sizeBytes, etag, modified } = entry
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'us-east-1',
    eventTime: new Date(modified).toISOString(),
    eventName: event,
    userIdentity: { principalId: 'AWS:LOCAL' },
    requestParameters: { sourceIPAddress: sourceIp },
    responseElements: { 'x-amz-request-id': randomBytes(8).toString('hex').toUpperCase(), 'x-amz-id-2': 'local' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'local',
      bucket: { name: bucket, ownerIdentity: { principalId: 'LOCAL' }, arn: `arn:aws:s3:::${bucket}` },
      object: { key: encodeAll(key), size: sizeBytes, eTag: etag, sequencer: toSequencer(sequence) },
    },
  }
  return JSON.stringify({ Records: [record] })
}

/** Returns a sequencer: hexadecimal text of fixed length, so that readers can compare it without padding. */
export function toSequencer(sequence: number): string {
  return sequence.toString(16).toUpperCase().padStart(18, '0')
}

/** Encodes a key like S3, including the punctuation that JavaScript does not encode. */
function encodeAll(key: string): string {
  return encodeKey(key).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}
