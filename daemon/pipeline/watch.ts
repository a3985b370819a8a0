import { open, stat } from 'node:fs/promises'
import { createFractions, parseProgress, type Progress } from './progress.ts'

const LOOK_MS = 300
/** A few of ffmpeg's reports, which are about 250 bytes each. */
const TAIL_BYTES = 4096

export type WatchOptions = {
  /** The file ffmpeg writes its `-progress` to. */
  progressPath: string
  outputs: readonly string[]
  durationSeconds: number | null
  onFraction: (fraction: number) => void
  /** How long without a sign of life makes a stall. */
  stallSeconds: number
  onStall: () => void
  /** What went wrong while looking (the listener's own errors too). */
  onError: (error: unknown) => void
}

/**
 * Watches a running ffmpeg from outside. Signs of life are new progress text and new sizes or times of the outputs
 * (moving an mp4's index to its front takes long and reports nothing). `stop` resolves with the last report.
 */
export function watch(options: WatchOptions): { stop(): Promise<Progress> } {
  const toFraction = createFractions(options.durationSeconds)
  let sign = ''
  let quietMs = 0
  let lookedAt = performance.now()
  let looking: Promise<void> | null = null

  const look = async () => {
    const current = await readSign([options.progressPath, ...options.outputs])
    // when this process itself slept, so did ffmpeg or it made progress that is not yet seen: one look counts little
    const elapsedMs = Math.min(performance.now() - lookedAt, 2 * LOOK_MS)
    lookedAt = performance.now()
    quietMs = current === sign ? quietMs + elapsedMs : 0
    sign = current
    const fraction = toFraction((await readProgress(options.progressPath)).outSeconds)
    if (fraction !== null) options.onFraction(fraction)
    if (quietMs >= options.stallSeconds * 1000) options.onStall()
  }
  const timer = setInterval(() => {
    looking ??= look()
      .catch(options.onError)
      .finally(() => (looking = null))
  }, LOOK_MS)

  return {
    async stop() {
      clearInterval(timer)
      await looking
      return readProgress(options.progressPath)
    },
  }
}

async function readSign(paths: readonly string[]): Promise<string> {
  const signs = paths.map(async (path) => {
    const status = await stat(path).catch(unlessMissing)
    return status ? `${status.size}@${status.mtimeMs}` : ''
  })
  return (await Promise.all(signs)).join(' ')
}

async function readProgress(path: string): Promise<Progress> {
  const file = await open(path).catch(unlessMissing)
  if (!file) return parseProgress('')
  await using closing = file
  const { size } = await closing.stat()
  const { buffer, bytesRead } = await closing.read(
    Buffer.alloc(TAIL_BYTES),
    0,
    TAIL_BYTES,
    Math.max(0, size - TAIL_BYTES),
  )
  return parseProgress(buffer.toString('utf8', 0, bytesRead))
}

/** ffmpeg makes its files when it is ready to. */
function unlessMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
