import type { Endpoint } from '../endpoint.ts'
import type { UploadFile } from './file.ts'
import { createParted, MIN_PART_BYTES, type PartTransfer, type UploadState } from './parts.ts'
import type { SendBody } from './send.ts'
import { createProgress, type Transfer, type TransferDeps, type UploadResult } from './transfer.ts'
import { createWhole } from './whole.ts'

export type { UploadResult, UploadState }

export type UploadOptions = {
  /** Default: the name of the file. */
  filename?: string
  /** Media type. Default: the type of the file. */
  contentType?: string
  /**
   * Size of the parts, at least 5 MiB. A file that is larger than one part is sent in parts. Default: files above 16 MiB are
   * sent in parts of the size that mediad suggests.
   */
  partBytes?: number
  /** Number of parts that are sent at once. Default 4. */
  parallel?: number
  /** The state of an earlier session, to continue its upload. */
  state?: UploadState
  /** Stops the upload when it aborts. Parts that have arrived stay in S3, so the upload can continue with its state. */
  signal?: AbortSignal
  /** Without XMLHttpRequest, as in Node, the bytes of a part count when the part has arrived. */
  onProgress?(progress: { sentBytes: number; totalBytes: number }): void
  /** Gets the state of an upload in parts, as soon as there is one. Store it to continue after the page was reloaded. */
  onState?(state: UploadState): void
}

/** An upload that runs. */
export type Upload = {
  /** Resolves when the file has arrived in the bucket. */
  readonly done: Promise<UploadResult>
  /** Continues the upload in another session. Null for a file that is not sent in parts, before the start, and after the end. */
  readonly state: UploadState | null
  /** Ends the running requests. Parts that have arrived are kept. */
  pause(): void
  resume(): void
  /** Ends the upload and removes its parts from S3. `done` rejects with an AbortError. */
  cancel(): Promise<void>
}

const DEFAULT_THRESHOLD_BYTES = 16 * 2 ** 20
const DEFAULT_PARALLEL = 4

type UploadDeps = { endpoint: Endpoint; send: SendBody }

export function startUpload(deps: UploadDeps, file: UploadFile, options: UploadOptions): Upload {
  const { signal } = options
  const runner = createRunner()
  const abort = () => runner.stop(signal?.reason)
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  let transfer: (Transfer & Partial<PartTransfer>) | null = null
  let isDone = false
  const run = async () => {
    try {
      transfer = createTransfer(deps, file, options)
      const result = await runner.run(transfer)
      isDone = true
      return result
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }
  const done = run()
  return {
    done,
    get state() {
      return isDone ? null : (transfer?.state?.() ?? null)
    },
    pause: runner.pause,
    resume: runner.resume,
    async cancel() {
      runner.stop(new DOMException('The upload was cancelled.', 'AbortError'))
      await done.catch(() => {}) // whoever waits for `done` gets the error
      if (!isDone) await transfer?.discard?.()
    },
  }
}

/** Runs a transfer until it has ended, again after each pause. */
function createRunner() {
  let attempt = new AbortController()
  let stopped: { reason: unknown } | null = null
  let isPaused = false
  let wake: (() => void) | null = null
  return {
    async run(transfer: Transfer): Promise<UploadResult> {
      for (;;) {
        if (stopped) throw stopped.reason
        if (isPaused) await new Promise<void>((resolve) => (wake = resolve))
        else {
          attempt = new AbortController()
          try {
            return await transfer.run(attempt.signal)
          } catch (error) {
            if (!attempt.signal.aborted) throw error
          }
        }
      }
    },
    stop(reason: unknown) {
      stopped ??= { reason }
      attempt.abort(reason)
      wake?.()
    },
    pause() {
      isPaused = true
      attempt.abort()
    },
    resume() {
      isPaused = false
      wake?.()
    },
  }
}

function createTransfer(deps: UploadDeps, file: UploadFile, options: UploadOptions): Transfer & Partial<PartTransfer> {
  const { size } = file
  const filename = options.filename ?? ('name' in file ? file.name : undefined)
  const contentType = (options.contentType ?? file.type) || undefined
  const { onProgress, state, onState, parallel = DEFAULT_PARALLEL } = options
  const partBytes = options.partBytes === undefined ? undefined : Math.max(options.partBytes, MIN_PART_BYTES)
  const all: TransferDeps = {
    ...deps,
    file,
    request: { ...(filename && { filename }), ...(contentType && { contentType }), size },
    progress: createProgress(onProgress && ((sentBytes) => onProgress({ sentBytes, totalBytes: size }))),
  }
  const isSmall = state === undefined && size <= (partBytes ?? DEFAULT_THRESHOLD_BYTES)
  return isSmall ? createWhole(all) : createParted(all, { partBytes, parallel, state, onState })
}
