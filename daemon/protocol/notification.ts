import { sourceSchema, type WorkSource } from '../vocabulary/job.ts'
import { parseJson } from '../vocabulary/validation/validation.ts'
import { findRoute, type Route, type Routes } from './route.ts'

/** The parsed body of a message on the work queue. */
export type Notification =
  | {
      readonly kind: 'sources'
      readonly sources: readonly RoutedSource[]
      /** Why another record of the same body is invalid; absent when all are valid. */
      readonly invalidReason?: string
    }
  /** A notification that needs no work: a test event, a removal, another bucket, a key outside the source prefixes. */
  | { readonly kind: 'ignored'; readonly reason: string }
  /** Not a notification; the message is dead-lettered. */
  | { readonly kind: 'invalid'; readonly reason: string }

/** A source and its route. Messages contain only the source; each receiver resolves the route. */
export type RoutedSource = { readonly source: WorkSource; readonly route: Route }

export type NotificationScope = {
  readonly bucket: string
  readonly routes: Routes
}

/**
 * Parses the body of a work message: an S3 event notification, one inside an SNS message, an EventBridge event, or an array
 * of these from an EventBridge pipe. Never throws. Decodes a key exactly once, and only where S3 encodes it (EventBridge does
 * not).
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function parseNotification(body: string, scope: NotificationScope): Notification {
  const event = parseJson(body)
  if (event === undefined) return invalid('the body is not JSON')
  return Array.isArray(event) ? parseBatch(event, scope) : parseEvent(event, scope)
}

function parseEvent(event: unknown, scope: NotificationScope): Notification {
  if (!isObject(event)) return invalid('the body is not a JSON object')
  if (event.Type === 'Notification' && typeof event.Message === 'string') return parseWrapped(event.Message, scope)
  if (event.Event === 's3:TestEvent') return ignored('s3:TestEvent')
  if (Array.isArray(event.Records)) return parseS3Records(event.Records, scope)
  if (isObject(event.detail) && event.source === 'aws.s3') return parseEventBridge(event, scope)
  return invalid('the body is not an S3, SNS or EventBridge notification')
}

/**
 * Returns the body of a work message for `source`, in the format of S3, so that the queue has one format of messages.
 */
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

/**
 * Parses an array from an EventBridge pipe. Its elements are events, notifications or records of S3; those of a pipe that
 * reads an SQS queue are SQS messages with one of these as their body.
 */
function parseBatch(events: readonly unknown[], scope: NotificationScope): Notification {
  if (events.length === 0) return invalid('the array is empty')
  return combine(
    events.map((event) => {
      if (!isObject(event)) return invalid('an element of the array is not a JSON object')
      if (event.eventSource !== 'aws:sqs') return parseElement(event, scope)
      const inner = typeof event.body === 'string' ? parseJson(event.body) : undefined
      return isObject(inner) ? parseElement(inner, scope) : invalid('the body of an SQS message is not a JSON object')
    }),
  )
}

function parseElement(event: Record<string, unknown>, scope: NotificationScope): Notification {
  return isObject(event.s3) ? parseS3Record(event, scope) : parseEvent(event, scope)
}

function parseWrapped(message: string, scope: NotificationScope): Notification {
  const inner = parseJson(message)
  if (isObject(inner) && inner.Type === 'Notification') return invalid('an SNS message inside an SNS message')
  return parseNotification(message, scope)
}

function parseS3Records(records: readonly unknown[], scope: NotificationScope): Notification {
  if (records.length === 0) return invalid('"Records" is empty')
  return combine(records.map((record) => parseS3Record(record, scope)))
}

/** Combines the results of several records of one body. */
function combine(parsed: readonly Notification[]): Notification {
  const sources = parsed.flatMap((one) => (one.kind === 'sources' ? one.sources : []))
  const reasons = parsed.map((one) =>
    one.kind === 'invalid' ? one.reason : one.kind === 'sources' ? one.invalidReason : undefined,
  )
  const invalidReason = reasons.find((reason) => reason !== undefined)
  if (sources.length > 0) return { kind: 'sources', sources, ...(invalidReason !== undefined && { invalidReason }) }
  return invalidReason !== undefined
    ? invalid(invalidReason)
    : ignored(parsed.map((one) => (one.kind === 'ignored' ? one.reason : '')).join('; '))
}

function parseS3Record(record: unknown, scope: NotificationScope): Notification {
  if (!isObject(record) || typeof record.eventName !== 'string') return invalid('a record has no "eventName"')
  // some S3-compatible stores write the prefix "s3:", as in the configuration of a bucket
  if (!/^(?:s3:)?ObjectCreated:/.test(record.eventName)) return ignored(`event ${record.eventName}`)
  const { s3 } = record
  if (!isObject(s3) || !isObject(s3.bucket) || !isObject(s3.object)) return invalid('a record has no "s3" part')
  const { eTag, etag, sequencer } = s3.object
  // MinIO leaves out a size of 0
  const size = s3.object.size ?? (record.eventSource === 'minio:s3' ? 0 : undefined)
  const key = decodeKey(s3.object.key)
  if (key === undefined) return invalid('the object key is missing or not URL-encoded text')
  // old versions of Ceph write the name of the field in lower case
  const found = toSource({ bucket: s3.bucket.name, key, etag: eTag ?? etag, size, sequencer }, scope)
  return record.mediad === undefined ? found : withRedrive(found, record.mediad)
}

/** Adds the redrive from mediad's extension of a record; see {@link WorkSource}. */
function withRedrive(found: Notification, extension: unknown): Notification {
  const redrive = isObject(extension) ? extension.redrive : undefined
  if (typeof redrive !== 'number' || !Number.isSafeInteger(redrive) || redrive < 1)
    return invalid('"mediad.redrive" of a record is not a claim number')
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
  // consoles and sync tools create folders as empty objects
  if (key.endsWith('/') && size === 0) return ignored('a folder')
  const parsed = sourceSchema.safeParse({
    bucket,
    key,
    etag: typeof etag === 'string' ? etag.replaceAll('"', '') : etag,
    sizeBytes: size,
    // stores without sequencers leave the field out or empty
    ...(sequencer !== undefined && sequencer !== '' && { sequencer }),
  })
  if (!parsed.success) return invalid(parsed.error.issues[0]?.message ?? 'the source is not valid')
  return { kind: 'sources', sources: [{ source: parsed.data, route }] }
}

function decodeKey(encoded: unknown): string | undefined {
  if (typeof encoded !== 'string' || encoded === '') return undefined
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return undefined // a % without two digits, or bytes that are not UTF-8; the caller reports it
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const invalid = (reason: string): Notification => ({ kind: 'invalid', reason })
const ignored = (reason: string): Notification => ({ kind: 'ignored', reason })
