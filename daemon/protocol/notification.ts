import type { WorkSource } from '../vocabulary/job.ts'
import { findRoute, type Route, type Routes } from './route.ts'

/** What a message on the work queue turned out to be. */
export type Notification =
  | {
      readonly kind: 'sources'
      readonly sources: readonly RoutedSource[]
      /** What is wrong with another record of the same body. */
      readonly broken?: string
    }
  /** Understood, and nothing to do: a test event, a removal, another bucket, a key outside the source prefixes. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** No notification at all: for the dead queue. */
  | { readonly kind: 'invalid'; readonly reason: string }

/** A source and the route it takes. Only the source travels on queues; whoever receives it resolves the route. */
export type RoutedSource = { readonly source: WorkSource; readonly route: Route }

export type NotificationScope = {
  readonly bucket: string
  readonly routes: Routes
}

/** S3's limit of a key, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024

/**
 * Reads the body of a work message: S3's own format, the same wrapped by SNS, or an EventBridge event. Total: every
 * string gives an answer. Keys are decoded exactly once, and only where S3 encodes them (EventBridge does not).
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function parseNotification(body: string, scope: NotificationScope): Notification {
  const event = parseJson(body)
  if (event === undefined) return invalid('the body is not JSON')
  if (!isObject(event)) return invalid('the body is not a JSON object')
  if (event.Type === 'Notification' && typeof event.Message === 'string') return parseWrapped(event.Message, scope)
  if (event.Event === 's3:TestEvent') return ignored('s3:TestEvent')
  if (Array.isArray(event.Records)) return parseRecords(event.Records, scope)
  if (isObject(event.detail) && event.source === 'aws.s3') return parseEventBridge(event, scope)
  return invalid('the body is no S3, SNS or EventBridge notification')
}

/** The body that tells a daemon of `source`, in S3's own format, so that there is one kind of message on the queue. */
export function toNotificationBody({ redrive, ...source }: WorkSource): string {
  const object = {
    key: encodeKey(source.key),
    size: source.sizeBytes,
    eTag: source.etag,
    ...(source.sequencer !== undefined && { sequencer: source.sequencer }),
  }
  const s3 = { s3SchemaVersion: '1.0', bucket: { name: source.bucket }, object }
  const record = { eventVersion: '2.1', eventSource: 'aws:s3', eventName: 'ObjectCreated:Put', s3 }
  return JSON.stringify({ Records: [redrive === undefined ? record : { ...record, mediad: { redrive } }] })
}

/** Encodes a key as S3 does in notifications: percent-encoded UTF-8, a space as `+`, `/` as it is. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/')
}

function parseWrapped(message: string, scope: NotificationScope): Notification {
  const inner = parseJson(message)
  if (isObject(inner) && inner.Type === 'Notification') return invalid('an SNS message inside an SNS message')
  return parseNotification(message, scope)
}

function parseRecords(records: readonly unknown[], scope: NotificationScope): Notification {
  if (records.length === 0) return invalid('"Records" is empty')
  const parsed = records.map((record) => parseRecord(record, scope))
  const sources = parsed.flatMap((one) => (one.kind === 'sources' ? one.sources : []))
  const broken = parsed.find((one) => one.kind === 'invalid')
  if (sources.length > 0) return { kind: 'sources', sources, ...(broken && { broken: broken.reason }) }
  return broken ?? ignored(parsed.map((one) => (one.kind === 'ignored' ? one.reason : '')).join('; '))
}

function parseRecord(record: unknown, scope: NotificationScope): Notification {
  if (!isObject(record) || typeof record.eventName !== 'string') return invalid('a record has no "eventName"')
  // other stores than AWS's write the name as it stands in the bucket's configuration
  if (!/^(?:s3:)?ObjectCreated:/.test(record.eventName)) return ignored(`event ${record.eventName}`)
  const { s3 } = record
  if (!isObject(s3) || !isObject(s3.bucket) || !isObject(s3.object)) return invalid('a record has no "s3" part')
  const key = decodeKey(s3.object.key)
  if (key === undefined) return invalid('the object key is missing or not URL-encoded text')
  const found = toSource(
    { bucket: s3.bucket.name, key, etag: s3.object.eTag, size: s3.object.size, sequencer: s3.object.sequencer },
    scope,
  )
  return record.mediad === undefined ? found : withRedrive(found, record.mediad)
}

/** Ours, beside what S3 says: see {@link WorkSource}. */
function withRedrive(found: Notification, mark: unknown): Notification {
  const redrive = isObject(mark) ? mark.redrive : undefined
  if (typeof redrive !== 'number' || !Number.isSafeInteger(redrive) || redrive < 1)
    return invalid('"mediad" names no claim to redrive')
  if (found.kind !== 'sources') return found
  return { ...found, sources: found.sources.map(({ source, route }) => ({ source: { ...source, redrive }, route })) }
}

function parseEventBridge(event: Record<string, unknown>, scope: NotificationScope): Notification {
  const name = event['detail-type']
  if (typeof name !== 'string') return invalid('the event has no "detail-type"')
  if (name !== 'Object Created') return ignored(`event ${name}`)
  const { bucket, object } = event.detail as Record<string, unknown>
  if (!isObject(bucket) || !isObject(object)) return invalid('the event has no "detail.bucket" or "detail.object"')
  return toSource(
    { bucket: bucket.name, key: object.key, etag: object.etag, size: object.size, sequencer: object.sequencer },
    scope,
  )
}

type RawSource = { bucket: unknown; key: unknown; etag: unknown; size: unknown; sequencer: unknown }

function toSource(raw: RawSource, scope: NotificationScope): Notification {
  const { bucket, key, etag, size, sequencer } = raw
  if (typeof bucket !== 'string' || typeof key !== 'string') return invalid('the bucket or the object key is missing')
  if (bucket !== scope.bucket) return ignored('another bucket')
  const route = findRoute(scope.routes, key)
  if (!route) return ignored('a key outside the source prefix')
  if (!key.isWellFormed()) return invalid('the object key is no Unicode text')
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return invalid('the object key is longer than 1,024 bytes')
  if (typeof etag !== 'string' || etag.replaceAll('"', '') === '') return invalid('the object has no etag')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return invalid('the object has no size')
  if (sequencer !== undefined && !isSequencer(sequencer)) return invalid('the sequencer is not hexadecimal')
  const source = { bucket, key, etag: etag.replaceAll('"', ''), sizeBytes: size }
  return { kind: 'sources', sources: [{ source: isSequencer(sequencer) ? { ...source, sequencer } : source, route }] }
}

function decodeKey(encoded: unknown): string | undefined {
  if (typeof encoded !== 'string' || encoded === '') return undefined
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return undefined // a stray % or bytes that are no UTF-8: the caller says so
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isSequencer = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{1,64}$/i.test(value)
const invalid = (reason: string): Notification => ({ kind: 'invalid', reason })
const ignored = (reason: string): Notification => ({ kind: 'ignored', reason })
