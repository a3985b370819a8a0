import { open, readFile, stat } from 'node:fs/promises'
import type { MediadError } from '../vocabulary/errors.ts'
import { findExceededLimit, measureFolder, type RunLimits } from './cost.ts'
import { createFractions, parseProgress, type Progress } from './progress.ts'

const POLL_MS = 300
/** The first polls follow each other faster, so that a short run is polled, too. */
const FIRST_POLLS = { count: 20, ms: 50 }
/** Bytes read from the end of the progress file: a few reports of about 250 bytes each. */
const TAIL_BYTES = 4096

/** CPU ticks per poll (of 30) that count as activity: a process that only waits uses fewer. */
const BUSY_TICKS = 2
/** A tick is a hundredth of a second on every Linux. */
const TICKS_PER_SECOND = 100

/** The workspace is measured every so many polls: it can hold thousands of files. */
const POLLS_PER_MEASUREMENT = 10

export type WatchOptions = {
  /** Returns undefined before the process is started, and when it could not be started. */
  processId: () => number | undefined
  /** The file that ffmpeg writes its `-progress` reports to. */
  progressPath: string
  outputs: readonly string[]
  workspace: string
  durationSeconds: number | null
  onFraction: (fraction: number) => void
  /** Seconds without activity after which `onStall` is called. */
  stallSeconds: number
  onStall: () => void
  limits: RunLimits
  onExcess: (error: MediadError) => void
  /** Called with an error of a poll, including errors of the callbacks. */
  onError: (error: unknown) => void
}

/** ffmpeg's last report, the CPU time at the last poll, and the error for an exceeded limit. */
export type Watched = Progress & { readonly cpuSeconds: number; readonly excess: MediadError | null }

/**
 * Watches a running ffmpeg by polling its files and /proc. Activity is a new progress report, a changed size or modification
 * time of an output (moving the index of an mp4 to the front takes long and reports nothing), or CPU time used or waited for
 * (an encoder with a long lookahead can work on one frame for minutes). A process that only uses CPU time counts as stalled
 * after ten times `stallSeconds`.
 */
export function watch(options: WatchOptions): { stop(): Promise<Watched> } {
  const { limits, workspace, durationSeconds } = options
  const files = [options.progressPath, ...options.outputs]
  const startedAt = performance.now()
  const toFraction = createFractions(durationSeconds)
  const last = { fingerprint: '', ticks: 0, at: startedAt }
  const quietMs = { output: 0, all: 0 }
  let polls = 0
  let polling: Promise<void> | null = null
  let stopped = false

  const checkLimits = (progress: Progress, outputBytes: number, workspaceBytes: number) =>
    findExceededLimit(limits, {
      ...progress,
      durationSeconds,
      outputBytes,
      workspaceBytes,
      wallSeconds: (performance.now() - startedAt) / 1000,
    })
  const poll = async () => {
    const measured = await measure(files)
    const activity = await readActivity(options.processId())
    const ticks = Math.max(last.ticks, activity.ticks)
    // capped: when the daemon was suspended, ffmpeg may have been suspended as well
    const elapsedMs = Math.min(performance.now() - last.at, 2 * POLL_MS)
    const idle = measured.fingerprint === last.fingerprint
    quietMs.output = idle ? quietMs.output + elapsedMs : 0
    quietMs.all = idle && !activity.runnable && ticks - last.ticks < BUSY_TICKS ? quietMs.all + elapsedMs : 0
    Object.assign(last, { fingerprint: measured.fingerprint, ticks, at: performance.now() })
    const progress = await readProgress(options.progressPath)
    const fraction = toFraction(progress.outSeconds)
    if (fraction !== null) options.onFraction(fraction)
    const stallMs = options.stallSeconds * 1000
    if (quietMs.all >= stallMs || quietMs.output >= 10 * stallMs) options.onStall()
    const excess = checkLimits(
      progress,
      measured.bytes,
      polls++ % POLLS_PER_MEASUREMENT === 0 ? await measureFolder(workspace) : 0,
    )
    if (excess) options.onExcess(excess)
  }
  let timer = setTimeout(pollRepeatedly, FIRST_POLLS.ms)
  function pollRepeatedly(): void {
    polling = poll()
      .catch(options.onError)
      .finally(() => {
        if (!stopped) timer = setTimeout(pollRepeatedly, polls < FIRST_POLLS.count ? FIRST_POLLS.ms : POLL_MS)
      })
  }

  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await polling
      const progress = await readProgress(options.progressPath)
      const { bytes } = await measure(files)
      const excess = checkLimits(progress, bytes, await measureFolder(workspace)) // a fast run can end between two polls
      return { ...progress, cpuSeconds: last.ticks / TICKS_PER_SECOND, excess }
    },
  }
}

type Activity = { readonly ticks: number; readonly runnable: boolean }

/**
 * Reads the CPU time, in hundredths of a second, of a process and its descendants (a configured command can be in between),
 * and whether one of them runs or waits for a CPU. Without /proc both are 0 and false. See proc(5), `stat` and `children`.
 */
async function readActivity(processId: number | undefined): Promise<Activity> {
  if (processId === undefined || process.platform !== 'linux') return { ticks: 0, runnable: false }
  // the process may just have ended
  const read = (name: string) => readFile(`/proc/${processId}/${name}`, 'utf8').catch(() => '')
  const [text, children] = await Promise.all([read('stat'), read(`task/${processId}/children`)])
  const [state, ...afterState] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const own = { ticks: Number(afterState[10] ?? 0) + Number(afterState[11] ?? 0), runnable: state === 'R' }
  const below = await Promise.all(children.split(' ').filter(Boolean).map(Number).map(readActivity))
  return below.reduce((a, b) => ({ ticks: a.ticks + b.ticks, runnable: a.runnable || b.runnable }), own)
}

/** Measures the outputs. `fingerprint` changes whenever one of the files is written; `bytes` excludes the progress file. */
async function measure([progressPath = '', ...outputs]: readonly string[]): Promise<{
  fingerprint: string
  bytes: number
}> {
  const statuses = await Promise.all([progressPath, ...outputs].map((path) => stat(path).catch(unlessMissing)))
  const states = statuses.map((status) => (status ? `${status.size}@${status.mtimeMs}` : ''))
  const bytes = statuses.slice(1).reduce((sum, status) => sum + (status?.size ?? 0), 0)
  return { fingerprint: states.join(' '), bytes }
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

/** Returns null for a file that does not exist, because ffmpeg creates its files later; rethrows any other error. */
function unlessMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
