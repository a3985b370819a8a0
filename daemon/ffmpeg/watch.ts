import { open, readFile, stat } from 'node:fs/promises'
import type { MediadError } from '../vocabulary/errors.ts'
import { findExceededLimit, measureFolder, type RunLimits } from './cost.ts'
import { createFractions, parseProgress, type Progress } from './progress.ts'

const LOOK_MS = 300
/** So that what is over soon has been looked at, too. */
const FIRST_LOOKS = { count: 20, ms: 50 }
/** A few of ffmpeg's reports, which are about 250 bytes each. */
const TAIL_BYTES = 4096

/** Of a look's 30: a process that only waits for something uses less. */
const BUSY_TICKS = 2
/** A tick is a hundredth of a second, on every Linux there is. */
const TICKS_PER_SECOND = 100

/** A workspace may hold thousands of files: it is measured every so many looks. */
const LOOKS_PER_MEASURE = 10

export type WatchOptions = {
  /** Absent when it could not be started. */
  processId: number | undefined
  /** The file ffmpeg writes its `-progress` to. */
  progressPath: string
  outputs: readonly string[]
  workspace: string
  durationSeconds: number | null
  onFraction: (fraction: number) => void
  /** How long without a sign of life makes a stall. */
  stallSeconds: number
  onStall: () => void
  limits: RunLimits
  onExcess: (error: MediadError) => void
  /** What went wrong while looking (the listener's own errors too). */
  onError: (error: unknown) => void
}

/** ffmpeg's last report, and the CPU time it had used when it was last looked at. */
export type Watched = Progress & { readonly cpuSeconds: number; readonly excess: MediadError | null }

/**
 * Watches a running ffmpeg from outside. Signs of life are new progress text, new sizes or times of the outputs (moving
 * an mp4's index to its front takes long and reports nothing), and use of the CPU or waiting for it (an encoder that looks
 * ahead may work for minutes on one picture); but one that only computes is given up as well, after ten times as long.
 */
export function watch(options: WatchOptions): { stop(): Promise<Watched> } {
  const { limits, workspace, durationSeconds } = options
  const files = [options.progressPath, ...options.outputs]
  const startedAt = performance.now()
  const toFraction = createFractions(durationSeconds)
  const last = { sign: '', ticks: 0, at: startedAt }
  const quietMs = { output: 0, all: 0 }
  let looks = 0
  let looking: Promise<void> | null = null
  let stopped = false

  const judge = (progress: Progress, outputBytes: number, workspaceBytes: number) =>
    findExceededLimit(limits, {
      ...progress,
      durationSeconds,
      outputBytes,
      workspaceBytes,
      wallSeconds: (performance.now() - startedAt) / 1000,
    })
  const look = async () => {
    const measured = await measure(files)
    const life = await readLife(options.processId)
    const ticks = Math.max(last.ticks, life.ticks)
    // when this process itself slept, ffmpeg may have slept as well: one look never counts for much
    const elapsedMs = Math.min(performance.now() - last.at, 2 * LOOK_MS)
    const idle = measured.sign === last.sign
    quietMs.output = idle ? quietMs.output + elapsedMs : 0
    quietMs.all = idle && !life.runnable && ticks - last.ticks < BUSY_TICKS ? quietMs.all + elapsedMs : 0
    Object.assign(last, { sign: measured.sign, ticks, at: performance.now() })
    const progress = await readProgress(options.progressPath)
    const fraction = toFraction(progress.outSeconds)
    if (fraction !== null) options.onFraction(fraction)
    const stallMs = options.stallSeconds * 1000
    if (quietMs.all >= stallMs || quietMs.output >= 10 * stallMs) options.onStall()
    const excess = judge(
      progress,
      measured.bytes,
      looks++ % LOOKS_PER_MEASURE === 0 ? await measureFolder(workspace) : 0,
    )
    if (excess) options.onExcess(excess)
  }
  let timer = setTimeout(lookOn, FIRST_LOOKS.ms)
  function lookOn(): void {
    looking = look()
      .catch(options.onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(lookOn, looks < FIRST_LOOKS.count ? FIRST_LOOKS.ms : LOOK_MS)
      })
  }

  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await looking
      const progress = await readProgress(options.progressPath)
      const { bytes } = await measure(files)
      const excess = judge(progress, bytes, await measureFolder(workspace)) // what is quick is over between two looks
      return { ...progress, cpuSeconds: last.ticks / TICKS_PER_SECOND, excess }
    },
  }
}

type Life = { readonly ticks: number; readonly runnable: boolean }

/**
 * CPU time of a process and its children (a configured command may be in between), in hundredths of a second, and whether
 * one of them is at work or waits for a processor; nothing where there is no /proc to read it from (proc(5), stat and
 * children).
 */
async function readLife(processId: number | undefined): Promise<Life> {
  if (processId === undefined || process.platform !== 'linux') return { ticks: 0, runnable: false }
  // it may just have ended
  const read = (name: string) => readFile(`/proc/${processId}/${name}`, 'utf8').catch(() => '')
  const [text, children] = await Promise.all([read('stat'), read(`task/${processId}/children`)])
  const [state, ...afterState] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const own = { ticks: Number(afterState[10] ?? 0) + Number(afterState[11] ?? 0), runnable: state === 'R' }
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(readLife))
  return below.reduce((a, b) => ({ ticks: a.ticks + b.ticks, runnable: a.runnable || b.runnable }), own)
}

/** The outputs' size, and whatever changes while they are written. The first path is not counted. */
async function measure([progressPath = '', ...outputs]: readonly string[]): Promise<{ sign: string; bytes: number }> {
  const statuses = await Promise.all([progressPath, ...outputs].map((path) => stat(path).catch(unlessMissing)))
  const signs = statuses.map((status) => (status ? `${status.size}@${status.mtimeMs}` : ''))
  const bytes = statuses.slice(1).reduce((sum, status) => sum + (status?.size ?? 0), 0)
  return { sign: signs.join(' '), bytes }
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
