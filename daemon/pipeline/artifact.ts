import { realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'
import { renderKey, type KeyScope } from '../protocol/keys.ts'
import type { Probe } from '../vocabulary/media.ts'
import type { AddOptions, Artifact } from '../vocabulary/plugin.ts'
import { toSummary } from './summary.ts'

export type AddRequest = {
  path: string
  kind: string
  options: AddOptions
  workspace: string
  scope: KeyScope
  inspect: (path: string) => Promise<Probe>
  seconds: number
}

/** What ffprobe can look into; other images (SVG, AVIF, …) are taken as they are. */
const inspected = /^(?:(?:audio|video)\/|image\/(?:jpeg|png|webp|gif)$)/

/**
 * Checks what a plugin hands over: a file inside the workspace, not empty, and readable by ffprobe when it claims to be
 * audio, video or an image.
 */
export async function toArtifact({
  path,
  kind,
  options,
  workspace,
  scope,
  inspect,
  seconds,
}: AddRequest): Promise<Artifact> {
  const absolute = resolve(workspace, path)
  if (!absolute.startsWith(workspace + sep) || !(await leadsInside(workspace, absolute)))
    throw new MediadError('internal.output', `the ${kind} lies outside the workspace: ${path}`)
  const sizeBytes = await sizeOf(absolute)
  if (sizeBytes === 0) throw new MediadError('internal.output', `the ${kind} is missing or empty`)
  const { contentType } = options
  const key = renderKey(options.key, scope, options.values)
  const media = inspected.test(contentType) ? { media: toSummary(await inspect(absolute)) } : {}
  return { path: absolute, kind, key, contentType, sizeBytes, seconds, ...media }
}

async function leadsInside(workspace: string, path: string): Promise<boolean> {
  try {
    return (await realpath(path)).startsWith((await realpath(workspace)) + sep)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path)
    return found.isFile() ? found.size : 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
