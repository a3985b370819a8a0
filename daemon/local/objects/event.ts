import { randomBytes } from 'node:crypto'
import { encodeKey } from '../../protocol/notification.ts'
import type { Entry } from './objects.ts'

export type EventName = 'ObjectCreated:Put' | 'ObjectCreated:Copy' | 'ObjectCreated:CompleteMultipartUpload'

/** A write that took effect, to be told to the work queue. */
export type Write = {
  readonly event: EventName
  readonly entry: Entry
  /** Greater for every later write. */
  readonly sequence: number
  readonly sourceIp: string
}

/**
 * The message S3 sends for a write.
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

/** S3 compares sequencers as hexadecimal text; equal lengths spare the reader the padding. */
export function toSequencer(sequence: number): string {
  return sequence.toString(16).toUpperCase().padStart(18, '0')
}

/** S3 also encodes the marks that JavaScript leaves as they are. */
function encodeAll(key: string): string {
  return encodeKey(key).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}
