import { linkController } from '../abort.ts'
import { identify, isSameFile, type FileIdentity } from './file.ts'
import { ClientError, hasCode } from '../errors.ts'
import { retry } from '../retry.ts'
import {
  createRetryRule,
  hasArrived,
  sendSlice,
  type Transfer,
  type TransferDeps,
  type UploadResult,
} from './transfer.ts'

/** A token to continue an upload in another session. It is plain JSON. Whoever has it can write to this upload until it expires. */
export type UploadState = UploadResult & {
  readonly uploadId: string
  readonly partBytes: number
  /** The file must be the same in the other session. */
  readonly file: FileIdentity
}

type ListedPart = { PartNumber: number; ETag: string; Size: number }
type Created = UploadResult & { uploadId: string; partBytes: number }

export type PartSettings = {
  /** Size of a part; undefined for the one that mediad suggests. */
  readonly partBytes: number | undefined
  /** Number of parts that are sent at once. */
  readonly parallel: number
  /** The state of an earlier session. */
  readonly state: UploadState | undefined
  readonly onState: ((state: UploadState) => void) | undefined
}

export type PartTransfer = Transfer & {
  state(): UploadState | null
  /** Removes the parts from S3. */
  discard(): Promise<void>
}

/** Limits of S3. */
export const MIN_PART_BYTES = 5 * 2 ** 20
const MAX_PARTS = 10_000

/** An upload that disappears this often is not started again. */
const MAX_STARTS = 3
/** Time for S3 to put a large object together. */
const COMPLETE_SECONDS = 300

/** Uploads a file in parts, several at once. A part that has arrived is not sent again. */
export function createParted(deps: TransferDeps, settings: PartSettings): PartTransfer {
  const { endpoint, file, request, progress } = deps
  let state = settings.state ?? null
  if (state && !isSameFile(state.file, file)) {
    const detail = 'The upload cannot continue: its file had another name, size or time of change.'
    throw new ClientError({ code: 'client.file_changed', detail })
  }
  const create = async (signal: AbortSignal): Promise<UploadState> => {
    const body = { ...request, multipart: true }
    const created = await endpoint.call<Created>({ path: '/video/pre-signed-url', method: 'POST', body, signal })
    const { id, key, uploadId } = created
    const partBytes = Math.max(settings.partBytes ?? created.partBytes, Math.ceil(file.size / MAX_PARTS))
    const made = { id, key, uploadId, partBytes, file: identify(file) }
    settings.onState?.(made)
    return made
  }
  const attempt = async (signal: AbortSignal): Promise<UploadResult> => {
    let etags: Etags = new Map()
    if (state) etags = await listParts(deps, state, signal)
    else progress.replace(new Map())
    const current = (state ??= await create(signal))
    await sendMissing({ deps, state: current, etags, parallel: settings.parallel }, signal)
    // a browser cannot read etags that the bucket does not expose
    if ([...etags.values()].includes(null)) etags = await listParts(deps, current, signal)
    const parts = Array.from(etags, ([PartNumber, ETag]) => ({ PartNumber, ETag }))
    const path = toPath(current, '/complete')
    await endpoint.call({ path, method: 'POST', body: { parts }, signal, timeoutSeconds: COMPLETE_SECONDS })
    return { id: current.id, key: current.key }
  }
  return {
    state: () => state,
    async run(signal) {
      for (let starts = 1; ; starts++) {
        try {
          return await attempt(signal)
        } catch (error) {
          if (state === null || starts === MAX_STARTS) throw error
          if (hasCode(error, 'upload.parts')) continue // the next attempt sends what S3 does not have
          if (!isGone(error)) throw error
          const { id, key } = state
          if (await hasArrived(deps, key, signal)) return { id, key }
          state = null
        }
      }
    },
    async discard() {
      if (state === null) return
      const path = toPath(state)
      state = null
      await endpoint.call({ path, method: 'DELETE' }).catch((error: unknown) => {
        if (!isGone(error)) throw error
      })
    },
  }
}

/** Etags by part; null for one that could not be read. */
type Etags = Map<number, string | null>

type Missing = { deps: TransferDeps; state: UploadState; etags: Etags; parallel: number }

/** Sends the parts without an etag, and adds their etags. When one fails, the others end too. */
async function sendMissing({ deps, state, etags, parallel }: Missing, signal: AbortSignal): Promise<void> {
  const count = Math.ceil(deps.file.size / state.partBytes)
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter((part) => !etags.has(part))
  const { controller: failure, unlink } = linkController(signal)
  const sendNext = async () => {
    for (let part = missing.shift(); part !== undefined; part = missing.shift()) {
      failure.signal.throwIfAborted()
      etags.set(part, await sendPart(deps, { state, part }, failure.signal))
    }
  }
  try {
    const lanes = Array.from({ length: Math.min(parallel, missing.length) }, () =>
      sendNext().catch((error: unknown) => failure.abort(error)),
    )
    await Promise.all(lanes)
    failure.signal.throwIfAborted()
  } finally {
    unlink()
  }
}

/** Signs and sends a part. Every attempt gets a new URL, because the last one may have expired. */
function sendPart(deps: TransferDeps, { state, part }: { state: UploadState; part: number }, signal: AbortSignal) {
  const { endpoint, file } = deps
  const start = (part - 1) * state.partBytes
  const end = Math.min(file.size, start + state.partBytes)
  const attempt = async () => {
    const { url } = await endpoint.request<{ url: string }>({ path: toPath(state, `/${part}`), signal })
    return sendSlice(deps, { part, start, end, url }, signal)
  }
  return retry(attempt, { policy: endpoint.policy, signal, canRetry: createRetryRule() })
}

/**
 * Returns the etags of the parts that S3 has. A part of another size is left out, so it is sent again; of an upload that is
 * complete, only the sum of the sizes is known.
 */
async function listParts(
  { endpoint, file, progress }: TransferDeps,
  state: UploadState,
  signal: AbortSignal,
): Promise<Etags> {
  const listed = await endpoint.call<ListedPart[]>({ path: toPath(state), signal })
  const isComplete = listed.reduce((sum, { Size }) => sum + Size, 0) === file.size
  const sizeOfPart = (part: number) => Math.min(state.partBytes, file.size - (part - 1) * state.partBytes)
  const found = listed.filter(({ PartNumber, Size }) => isComplete || Size === sizeOfPart(PartNumber))
  progress.replace(new Map(found.map(({ PartNumber, Size }) => [PartNumber, Size])))
  return new Map(found.map(({ PartNumber, ETag }) => [PartNumber, ETag]))
}

function toPath({ uploadId, key }: UploadState, below = ''): string {
  return `/s3/multipart/${encodeURIComponent(uploadId)}${below}?key=${encodeURIComponent(key)}`
}

/** Returns whether S3 does not have the upload any more: it was aborted, is too old, or has ended. */
function isGone(error: unknown): boolean {
  return (
    hasCode(error, 'client.upload_gone') ||
    (error instanceof ClientError && (error.status === 404 || error.status === 410))
  )
}
