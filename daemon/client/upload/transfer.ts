import type { Endpoint } from '../endpoint.ts'
import { hasCode } from '../errors.ts'
import { checkReadable, readSlice, type UploadFile } from './file.ts'
import { isTransient } from '../retry.ts'
import type { SendBody } from './send.ts'

export type UploadResult = {
  /** Id of the job. */
  readonly id: string
  /** Key of the source. */
  readonly key: string
}

/** What every way to upload a file needs. */
export type TransferDeps = {
  readonly endpoint: Endpoint
  readonly send: SendBody
  readonly file: UploadFile
  /** Properties of the file, for the request to mediad. */
  readonly request: { readonly filename?: string; readonly contentType?: string; readonly size: number }
  readonly progress: Progress
}

/** One way to upload a file. After a pause it runs again, and continues where it stopped. */
export type Transfer = { run(signal: AbortSignal): Promise<UploadResult> }

/** The bytes that have been sent, by part. */
export type Progress = {
  set(part: number, bytes: number): void
  /** Forgets all parts but these. */
  replace(parts: ReadonlyMap<number, number>): void
}

export function createProgress(onProgress: ((sentBytes: number) => void) | undefined): Progress {
  let sent = new Map<number, number>()
  let reported = 0
  const report = () => {
    const total = [...sent.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (total === reported) return
    reported = total
    // an error of the listener must not become one of the upload
    if (onProgress) queueMicrotask(() => onProgress(total))
  }
  return {
    set(part, bytes) {
      sent.set(part, bytes)
      report()
    },
    replace(parts) {
      sent = new Map(parts)
      report()
    },
  }
}

type Slice = { part: number; start: number; end: number; url: string; headers?: Readonly<Record<string, string>> }

/** Reads and sends a slice of the file, once. The part counts as not sent again when it fails. */
export async function sendSlice(deps: TransferDeps, { part, start, end, url, headers }: Slice, signal: AbortSignal) {
  const { send, file, progress } = deps
  const body = await readSlice(file, start, end)
  signal.throwIfAborted()
  try {
    const onSent = (bytes: number) => progress.set(part, bytes)
    return await send({ url, body, signal, onSent, ...(headers && { headers }) })
  } catch (error) {
    progress.set(part, 0)
    signal.throwIfAborted()
    if (hasCode(error, 'client.network')) await checkReadable(file)
    throw error
  }
}

/** Refusals of one part in a row before the upload fails. */
const MAX_REFUSALS = 3

/** Creates a rule for {@link retry}: transient errors, and a few refused URLs, since each attempt gets a new one. */
export function createRetryRule(): (error: unknown) => boolean {
  let refusals = 0
  return (error) => isTransient(error) || (hasCode(error, 'client.refused') && ++refusals < MAX_REFUSALS)
}

/** Returns whether an upload has ended: mediad knows its source. Its response can have been lost. */
export async function hasArrived({ endpoint }: TransferDeps, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await endpoint.call({ path: `/video?key=${encodeURIComponent(key)}`, signal })
    return true
  } catch (error) {
    if (hasCode(error, 'job.not_found')) return false
    throw error
  }
}
