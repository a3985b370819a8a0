import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3ServiceException,
  type S3Client,
} from '@aws-sdk/client-s3'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { toObjectError } from './object-error.ts'

/** A small object, and its age by S3's own clock. */
export type StoredText = { readonly text: string; readonly etag: string; readonly ageSeconds: number }

export type StoredObject = {
  readonly etag: string
  readonly sizeBytes: number
  readonly metadata: Readonly<Record<string, string>>
}

/** The condition of a write: `null` creates an object (none may exist), an etag replaces exactly that version. */
export type Expected = string | null

/** `refused`: the condition did not hold. `unsettled`: another write was in progress (409), so the outcome is unknown. */
export type WriteOutcome = { readonly etag: string } | 'refused' | 'unsettled'

/**
 * The S3 operations that the protocol needs. Every call can throw `transient.storage`; `head` also `input.key_unavailable`,
 * for an object that exists but that S3 cannot decrypt.
 */
export type Storage = {
  readText(key: string, signal?: AbortSignal): Promise<StoredText | null>
  /** Reads an object unless it still has the etag `known`: one request, without a body if nothing has changed. */
  readIfChanged(key: string, known: string, signal?: AbortSignal): Promise<StoredText | null | 'unchanged'>
  writeText(
    key: string,
    text: string,
    condition: { expected: Expected; signal?: AbortSignal | undefined },
  ): Promise<WriteOutcome>
  head(key: string, signal?: AbortSignal): Promise<StoredObject | null>
  remove(key: string): Promise<void>
}

/** Larger objects are not job documents. */
const MAX_TEXT_BYTES = 1024 * 1024

export function createStorage({ client, bucket }: { client: S3Client; bucket: string }): Storage {
  return {
    readText: (key, signal) =>
      nullIfMissing(`read s3://${bucket}/${key}`, () => getText(client, { Bucket: bucket, Key: key }, signal)),

    async readIfChanged(key, known, signal) {
      const at = { Bucket: bucket, Key: key, IfNoneMatch: `"${known}"` }
      try {
        return await getText(client, at, signal)
      } catch (error) {
        const status = toStatus(error)
        if (status === 304) return 'unchanged'
        if (status === 404 && !isMissingBucket(error)) return null
        throw toStorageError(`read s3://${bucket}/${key}`, error)
      }
    },

    async writeText(key, text, { expected, signal }) {
      const condition = expected === null ? { IfNoneMatch: '*' } : { IfMatch: `"${expected}"` }
      const put = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: text,
        ContentType: 'application/json',
        ...condition,
      })
      try {
        const { ETag } = await client.send(put, sendOptions(signal))
        return { etag: stripQuotes(ETag) }
      } catch (error) {
        const status = toStatus(error)
        if (status === 412 || (status === 404 && expected !== null)) return 'refused'
        if (status === 409) return 'unsettled'
        throw toStorageError(`write s3://${bucket}/${key}`, error)
      }
    },

    head: (key, signal) =>
      nullIfMissing(`read the metadata of s3://${bucket}/${key}`, async () => {
        const head = await headObject(client, { Bucket: bucket, Key: key }, signal)
        return { etag: stripQuotes(head.ETag), sizeBytes: head.ContentLength ?? 0, metadata: head.Metadata ?? {} }
      }),

    async remove(key) {
      await nullIfMissing(`delete s3://${bucket}/${key}`, () =>
        client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
      )
    },
  }
}

/**
 * Reads the metadata of an object. The response to a HEAD request has no body, so a failure has a status only; the response
 * to a GET request then shows whether S3 cannot decrypt the object.
 */
async function headObject(client: S3Client, at: { Bucket: string; Key: string }, signal?: AbortSignal) {
  try {
    return await client.send(new HeadObjectCommand(at), sendOptions(signal))
  } catch (error) {
    if (toStatus(error) === 400) await assertDecryptable(client, at, signal)
    throw error
  }
}

async function assertDecryptable(client: S3Client, at: { Bucket: string; Key: string }, signal?: AbortSignal) {
  try {
    const { Body } = await client.send(new GetObjectCommand({ ...at, Range: 'bytes=0-0' }), sendOptions(signal))
    await Body?.transformToByteArray()
  } catch (error) {
    throw toObjectError(`s3://${at.Bucket}/${at.Key}`, error) ?? error
  }
}

async function getText(
  client: S3Client,
  at: { Bucket: string; Key: string; IfNoneMatch?: string },
  signal?: AbortSignal,
): Promise<StoredText> {
  const get = new GetObjectCommand(at)
  let date: string | undefined
  get.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      date = (result.response as { headers?: Record<string, string> }).headers?.date
      return result
    },
    { step: 'deserialize', priority: 'high' },
  )
  const { Body, ETag, LastModified, ContentLength } = await client.send(get, sendOptions(signal))
  if ((ContentLength ?? 0) > MAX_TEXT_BYTES) {
    throw new MediadError(
      'internal.document',
      `s3://${at.Bucket}/${at.Key} is not a job document: it has ${ContentLength} bytes`,
    )
  }
  const ageMs = Date.parse(date ?? '') - (LastModified?.getTime() ?? Number.NaN)
  if (Number.isNaN(ageMs)) {
    throw new MediadError(
      'config.storage',
      'the store sends no Date or Last-Modified header, which mediad needs to know the age of a job document',
    )
  }
  return {
    text: (await Body?.transformToString()) ?? '',
    etag: stripQuotes(ETag),
    ageSeconds: Math.max(0, ageMs / 1000),
  }
}

async function nullIfMissing<T>(action: string, call: () => Promise<T>): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    if (toStatus(error) === 404 && !isMissingBucket(error)) return null
    throw toStorageError(action, error)
  }
}

/** Classifies an error of the SDK; `action` completes "could not …". Returns a MediadError as it is. */
export function toStorageError(action: string, thrown: unknown): MediadError {
  if (thrown instanceof MediadError) return thrown
  if (isMissingBucket(thrown)) {
    return new MediadError(
      'config.storage',
      `could not ${action}: the bucket does not exist. Create it, or correct "bucket" in the config`,
      { cause: thrown },
    )
  }
  const status = toStatus(thrown)
  const name = thrown instanceof S3ServiceException ? `${thrown.name}: ` : ''
  const reason = `${status === undefined ? '' : `HTTP ${status}, `}${name}${toMessage(thrown)}`
  if (status === 301 || isUnconfigured(thrown)) {
    const message = `could not ${action} (${reason}). Set AWS_REGION to the bucket's region, and provide credentials`
    return new MediadError('config.storage', message, { cause: thrown })
  }
  if (isDenied(status, thrown)) {
    const message = `could not ${action}: access denied (${reason}). Check the credentials and their permissions`
    return new MediadError('access.denied', message, { cause: thrown })
  }
  return new MediadError('transient.storage', `could not ${action} (${reason})`, { cause: thrown })
}

/** Returns the HTTP status of an SDK error; undefined when there was no response. */
export function toStatus(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
}

/** Denied access affects every job, and a retry does not help: the credentials are wrong, expired or insufficient. */
export function isDenied(status: number | undefined, thrown: unknown): boolean {
  const name = thrown instanceof Error ? thrown.name : ''
  return (
    status === 401 || status === 403 || /^(?:Expired|Invalid|Unrecognized)\w*(?:Token|Client)|^AccessDenied/.test(name)
  )
}

/** Without a region or credentials the SDK cannot send a request. */
export function isUnconfigured(thrown: unknown): boolean {
  return (
    thrown instanceof Error && (thrown.name === 'CredentialsProviderError' || thrown.message === 'Region is missing')
  )
}

const isMissingBucket = (error: unknown): boolean =>
  error instanceof S3ServiceException && error.name === 'NoSuchBucket'

/** Removes the quotes that are part of the header's value. */
export const stripQuotes = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '')

const sendOptions = (signal: AbortSignal | undefined) => (signal ? { abortSignal: signal } : {})
