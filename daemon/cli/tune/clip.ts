import { extname, join } from 'node:path'
import type { Ffmpeg, FfmpegRun } from '../../ffmpeg/ffmpeg.ts'
import type { Inspect } from '../../probe/inspect.ts'
import { capture } from '../../programs/capture.ts'
import { toFileUrl, readInputOptions, type InputLimits } from '../../programs/input.ts'
import { toRunEnvironment, type Programs } from '../../programs/programs.ts'
import { isStill, type Probe } from '../../vocabulary/media.ts'
import { toMessage } from '../../vocabulary/errors.ts'

/** The file that each job of a measurement processes. */
export type Clip = {
  readonly path: string
  readonly seconds: number | null
  /** Position of its start in the original file; null if it is the whole file. */
  readonly startSeconds: number | null
}

export type ClipDeps = {
  programs: Programs
  limits: InputLimits
  ffmpeg: Ffmpeg
  inspect: Inspect
  /** Folder for the cut. */
  folder: string
  signal: AbortSignal
  log: FfmpegRun['log']
}

const CONTAINERS = new Set(['.mp4', '.mov', '.m4v', '.mkv', '.webm', '.ts'])
/** A file that is this much longer than the wanted length is cut. */
const WORTH_CUTTING = 1.5

/**
 * Cuts some seconds from the middle of a file, without re-encoding, from a key frame on: a cut that starts between two of them
 * needs an edit list, and the chain would re-encode what it copies otherwise. A file that is short, or that cannot be cut, is
 * used as it is.
 */
export async function cutClip(deps: ClipDeps, path: string, seconds: number): Promise<Clip> {
  const probe = await deps.inspect(path, deps.signal)
  const total = probe.durationSeconds
  const whole = { path, seconds: total, startSeconds: null }
  if (isStill(probe) || total === null || total <= seconds * WORTH_CUTTING) return whole
  const startSeconds = await findKeyFrame(deps, { path, probe, seconds: (total - seconds) / 2 })
  const own = extname(path).toLowerCase()
  for (const extension of new Set([CONTAINERS.has(own) ? own : '.mkv', '.mkv'])) {
    const target = join(deps.folder, `clip${extension}`)
    try {
      return { path: target, seconds: await cut(deps, { path, probe, startSeconds, seconds, target }), startSeconds }
    } catch (error) {
      deps.signal.throwIfAborted()
      deps.log.debug({ event: 'tune.cut_failed', error }, `${path} cannot be cut to ${extension}: ${toMessage(error)}`)
    }
  }
  return whole
}

/** Timestamps are printed with six decimals, truncated: a position just before a key frame selects the one before it. */
const ROUNDING_SECONDS = 0.000_5
const ANSWER_SECONDS = 30

/** Returns the position of the last key frame before a position; the position itself if it is not known. */
async function findKeyFrame(
  { programs, limits, folder, log }: ClipDeps,
  { path, probe, seconds }: { path: string; probe: Probe; seconds: number },
): Promise<number> {
  const { video, audio } = probe
  if (video === null) return seconds
  const firstSeconds = Math.min(...[video, audio].map((track) => track?.startSeconds ?? 0))
  const interval = ['-read_intervals', `${(firstSeconds + seconds).toFixed(6)}%+#1`]
  const entries = [
    '-select_streams',
    String(video.index),
    '-show_entries',
    'packet=pts_time',
    '-of',
    'csv=print_section=0',
  ]
  const options = [
    '-loglevel',
    'error',
    ...(await readInputOptions(path, limits)),
    ...interval,
    ...entries,
    toFileUrl(path),
  ]
  const env = toRunEnvironment({ workspace: folder, input: path })
  try {
    const { stdout } = await capture(programs.ffprobe, options, { env, folder, seconds: ANSWER_SECONDS })
    const found = Number.parseFloat(stdout) - firstSeconds
    return found >= 0 && found <= seconds ? found + ROUNDING_SECONDS : seconds
  } catch (error) {
    log.debug({ event: 'tune.cut_failed', error }, `no key frame found in ${path}: ${toMessage(error)}`)
    return seconds
  }
}

type Cut = { path: string; probe: Probe; startSeconds: number; seconds: number; target: string }

async function cut({ ffmpeg, inspect, folder, signal, log }: ClipDeps, cut: Cut): Promise<number | null> {
  const { path, probe, startSeconds, seconds, target } = cut
  const tracks = [probe.video, probe.audio].flatMap((track) => (track ? ['-map', `0:${track.index}`] : []))
  const options = [...tracks, '-c', 'copy', '-t', String(seconds)]
  const command = { inputOptions: ['-ss', startSeconds.toFixed(6)], outputs: [{ path: target, options }] }
  await ffmpeg.run({ command, input: path, workspace: folder, signal, log })
  return (await inspect(target, signal)).durationSeconds
}
