import { open, readFile, stat } from 'node:fs/promises'
import { createFractions, parseProgress, type Progress } from './progress.ts'

const LOOK_MS = 300
/** A few of ffmpeg's reports, which are about 250 bytes each. */
const TAIL_BYTES = 4096

/** Of a look's 30: a process that only waits for something uses less. */
const BUSY_TICKS = 2

export type WatchOptions = {
  /** Absent when it could not be started. */
  processId: number | undefined
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
 * Watches a running ffmpeg from outside. Signs of life are new progress text, new sizes or times of the outputs (moving
 * an mp4's index to its front takes long and reports nothing), and use of the CPU (an encoder that looks ahead may work
 * for minutes on one picture); but one that only computes is given up as well, after ten times as long.
 * `stop` resolves with the last report.
 */
export function watch(options: WatchOptions): { stop(): Promise<Progress> } {
  const toFraction = createFractions(options.durationSeconds)
  const last = { sign: '', ticks: 0, at: performance.now() }
  const quietMs = { output: 0, all: 0 }
  let looking: Promise<void> | null = null

  const look = async () => {
    const sign = await readSign([options.progressPath, ...options.outputs])
    const ticks = await readCpuTicks(options.processId)
    // when this process itself slept, ffmpeg may have slept as well: one look never counts for much
    const elapsedMs = Math.min(performance.now() - last.at, 2 * LOOK_MS)
    quietMs.output = sign === last.sign ? quietMs.output + elapsedMs : 0
    quietMs.all = sign === last.sign && ticks - last.ticks < BUSY_TICKS ? quietMs.all + elapsedMs : 0
    Object.assign(last, { sign, ticks, at: performance.now() })
    const fraction = toFraction((await readProgress(options.progressPath)).outSeconds)
    if (fraction !== null) options.onFraction(fraction)
    const stallMs = options.stallSeconds * 1000
    if (quietMs.all >= stallMs || quietMs.output >= 10 * stallMs) options.onStall()
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

/** CPU time a process has used, in hundredths of a second; 0 where there is no /proc to read it from (proc(5), stat). */
async function readCpuTicks(processId: number | undefined): Promise<number> {
  if (processId === undefined || process.platform !== 'linux') return 0
  const text = await readFile(`/proc/${processId}/stat`, 'utf8').catch(() => '') // it may just have ended
  const afterName = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(afterName[11] ?? 0) + Number(afterName[12] ?? 0)
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
