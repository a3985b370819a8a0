import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobLimits } from '../config/limits.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { Progress } from './progress.ts'

/** The limits that are checked while ffmpeg runs. */
export type RunLimits = Pick<
  JobLimits,
  'durationSeconds' | 'frames' | 'outputBytes' | 'workspaceBytes' | 'wallSeconds' | 'wallFactor'
>

/** The cost of a run so far. */
export type Cost = Pick<Progress, 'outSeconds' | 'frame'> & {
  /** Duration according to the source's header. */
  readonly durationSeconds: number | null
  readonly outputBytes: number
  readonly workspaceBytes: number
  readonly wallSeconds: number
}

/** Wall time that is allowed on top of `limits.wallFactor`: starting and ending take time for short sources, too. */
const WALL_BASE_SECONDS = 300

/**
 * Returns the error for a run that exceeds a limit; null otherwise. `wallFactor` applies to the duration in the header or the
 * duration written so far, whichever is longer, because headers can be wrong.
 */
export function findExceededLimit(limits: RunLimits, cost: Cost): MediadError | null {
  const mediaSeconds = Math.max(cost.durationSeconds ?? 0, cost.outSeconds ?? 0)
  const relative = WALL_BASE_SECONDS + limits.wallFactor * mediaSeconds
  const checks: readonly [keyof RunLimits, number | null, number, string][] = [
    ['durationSeconds', cost.outSeconds, limits.durationSeconds, 's of media'],
    ['frames', cost.frame, limits.frames, 'frames'],
    ['outputBytes', cost.outputBytes, limits.outputBytes, 'bytes'],
    ['workspaceBytes', cost.workspaceBytes, limits.workspaceBytes, 'bytes in the workspace'],
    ['wallSeconds', cost.wallSeconds, limits.wallSeconds, 's of wall time'],
    ['wallFactor', cost.wallSeconds, relative, `s of wall time for ${mediaSeconds.toFixed(0)} s of media`],
  ]
  const exceeded = checks.find(([, value, limit]) => value !== null && value > limit)
  if (!exceeded) return null
  const [name, , limit, what] = exceeded
  const message = `the file makes ffmpeg exceed limits.${name}: more than ${limit} ${what}`
  return new MediadError('resource.limit', message)
}

/** Returns the bytes of all files in a folder and below. Files that are removed meanwhile count as 0. */
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
