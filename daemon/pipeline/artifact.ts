import { realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { renderKey, type KeyScope } from '../protocol/keys.ts'
import type { MediaSummary } from '../vocabulary/job.ts'
import type { Probe } from '../vocabulary/media.ts'
import type { AddOptions, Artifact } from '../vocabulary/plugin.ts'
import { summariseImage } from '../probe/image.ts'
import { toSummary } from './summary.ts'

export type AddRequest = {
  path: string
  kind: string
  options: AddOptions
  workspace: string
  scope: KeyScope
  inspect: (path: string) => Promise<Probe>
  seconds: number
  /** Key templates that the plugin declares. */
  keys: readonly string[]
  /** Artifacts of this attempt so far. */
  added: readonly Artifact[]
}

/** Types that ffprobe reads. */
const inspected = /^(?:audio|video)\//
/** Types whose header is read. Other files (SVG images, …) are accepted unchecked. */
const images = /^image\/(?:jpeg|png|webp|gif|avif)$/

/**
 * Checks a file that a plugin adds: it must be inside the workspace, not empty, and readable if its content type is audio,
 * video or an image.
 */
export async function toArtifact({
  path,
  kind,
  options,
  workspace,
  scope,
  inspect,
  seconds,
  keys,
  added,
}: AddRequest): Promise<Artifact> {
  const absolute = resolve(workspace, path)
  if (!absolute.startsWith(workspace + sep) || !(await isInside(workspace, absolute)))
    throw new MediadError('internal.output', `the ${kind} is outside the workspace: ${path}`)
  const sizeBytes = await sizeOf(absolute)
  if (sizeBytes === 0) throw new MediadError('internal.output', `the ${kind} is missing or empty`)
  const { contentType, cacheControl, copied } = options
  const key = toKey({ options, scope, keys })
  assertUnique(key, added)
  const probed = await summarise(absolute, contentType, inspect)
  const media = withStated(probed, options)
  return {
    path: absolute,
    kind,
    key,
    contentType,
    sizeBytes,
    seconds,
    ...(cacheControl !== undefined && { cacheControl }),
    ...(media && { media }),
    ...(copied && { copied }),
  }
}

type KeyRequest = Pick<AddRequest, 'scope' | 'keys'> & { options: Pick<AddOptions, 'key' | 'values'> }

/** Returns the key of a plugin's file. @throws MediadError `output.key` */
export function toKey({ options, scope, keys }: KeyRequest): string {
  if (!keys.includes(options.key)) {
    const known = keys.length === 0 ? 'the plugin declares none' : `it declares ${keys.join(', ')}`
    throw new MediadError('output.key', `the key template "${options.key}" is not in the plugin's keys: ${known}`)
  }
  return renderKey(options.key, scope, options.values)
}

/** @throws MediadError `output.key` for a key that another artifact has: one would replace the other in the bucket */
function assertUnique(key: string, added: readonly Artifact[]): void {
  if (added.every((artifact) => artifact.key !== key)) return
  const message = `two files of this attempt have the key "${key}": give the template a placeholder, such as {n}, and values`
  throw new MediadError('output.key', message)
}

/** Adds what the plugin states about the file. */
function withStated(probed: MediaSummary | null, { language, durationSeconds }: AddOptions): MediaSummary | null {
  if (language === undefined && durationSeconds === undefined) return probed
  return {
    ...probed,
    ...(language !== undefined && { language }),
    ...(durationSeconds !== undefined && { durationSeconds: roundSeconds(durationSeconds) }),
  }
}

/** Returns null for a type that is accepted unchecked. */
async function summarise(path: string, type: string, inspect: AddRequest['inspect']): Promise<MediaSummary | null> {
  if (inspected.test(type)) return toSummary(await inspect(path))
  return images.test(type) ? await summariseImage(path) : null
}

async function isInside(workspace: string, path: string): Promise<boolean> {
  try {
    return (await realpath(path)).startsWith((await realpath(workspace)) + sep)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const stats = await stat(path)
    return stats.isFile() ? stats.size : 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
