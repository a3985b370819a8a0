import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobLimits } from '../config/limits.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { Progress } from './progress.ts'

/** What is looked at while ffmpeg runs. */
export type RunLimits = Pick<
  JobLimits,
  'durationSeconds' | 'frames' | 'outputBytes' | 'workspaceBytes' | 'wallSeconds' | 'wallFactor'
>

/** What a run has cost so far. */
export type Cost = Pick<Progress, 'outSeconds' | 'frame'> & {
  /** As the source's header claims. */
  readonly durationSeconds: number | null
  readonly outputBytes: number
  readonly workspaceBytes: number
  readonly wallSeconds: number
}

/** However short a film is, starting and ending take their time. */
const WALL_BASE_SECONDS = 300

/**
 * The error for a run that has cost too much; null while it has not. Wall time is measured by what is longer, the length
 * that the header claims or the length that is already made: headers lie.
 */
export function findExceededLimit(limits: RunLimits, cost: Cost): MediadError | null {
  const mediaSeconds = Math.max(cost.durationSeconds ?? 0, cost.outSeconds ?? 0)
  const relative = WALL_BASE_SECONDS + limits.wallFactor * mediaSeconds
  const checks: readonly [keyof RunLimits, number | null, number, string][] = [
    ['durationSeconds', cost.outSeconds, limits.durationSeconds, 's of media'],
    ['frames', cost.frame, limits.frames, 'pictures'],
    ['outputBytes', cost.outputBytes, limits.outputBytes, 'bytes'],
    ['workspaceBytes', cost.workspaceBytes, limits.workspaceBytes, 'bytes in the workspace'],
    ['wallSeconds', cost.wallSeconds, limits.wallSeconds, 's of work'],
    ['wallFactor', cost.wallSeconds, relative, `s of work for ${mediaSeconds.toFixed(0)} s of media`],
  ]
  const broken = checks.find(([, value, limit]) => value !== null && value > limit)
  if (!broken) return null
  const [name, , limit, what] = broken
  const message = `the file makes ffmpeg exceed limits.${name}: more than ${limit} ${what}`
  return new MediadError('resource.limit', message)
}

/** Bytes of all files in a folder; what vanishes meanwhile counts for nothing. */
export async function measureFolder(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true }).catch(() => [])
  const sizes = names.map((name) =>
    stat(join(path, name)).then(
      (status) => (status.isFile() ? status.size : 0),
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
