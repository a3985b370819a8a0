import { HTTPResponse, type EventHandler, type H3Event } from 'h3'
import { z } from 'zod'
import type { Config } from '../../../config/config.ts'
import type { PresignGet } from '../../../storage/presign.ts'
import type { ReadSmall, SmallFile } from '../../../storage/small.ts'
import { systemClock, type Clock } from '../../../vocabulary/clock.ts'
import { readIdentity } from '../../access/identity.ts'
import { problemError } from '../../problem.ts'
import type { Operation } from '../../route.ts'
import { findById, idParams, type FindDeps } from '../find.ts'
import { createTimedCache } from './cache.ts'
import { parseRange } from './range.ts'

export type FilesDeps = FindDeps & {
  config: Pick<Config, 'http' | 'bucket' | 'routes'>
  presignGet: PresignGet
  readSmall: ReadSmall
  clock?: Clock
}

/** Files that name other files by relative URLs, or that players expect from the origin of those; with their types. */
const served: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  mpd: 'application/dash+xml',
  vtt: 'text/vtt; charset=utf-8',
}

/** The largest file that the endpoint serves itself. The playlist of a video of ten hours has 400 KB. */
const MAX_SERVED_BYTES = 4 * 1024 * 1024
const JOBS = { max: 200, ms: 5_000 }
const URLS = 5_000
const LONGEST_URL_MS = 300_000
const LONGEST_REDIRECT_SECONDS = 60

/**
 * `GET /video/:id/files/:key`: an output of a job. Players request a file in many byte ranges: the document is read at most
 * every 5 s, and a presigned URL is used for half of its life at most.
 */
export function filesHandler({ clock = systemClock, ...deps }: FilesDeps): EventHandler {
  const { urlSeconds } = deps.config.http
  // only the sizes by key: a document can have a thousand outputs
  const outputs = createTimedCache<ReadonlyMap<string, number>>({ ...JOBS, clock })
  const urls = createTimedCache<string>({ max: URLS, ms: Math.min(LONGEST_URL_MS, urlSeconds * 500), clock })
  return async (event) => {
    const id = event.context.params?.id ?? ''
    const identity = readIdentity(event)
    const found = await outputs(JSON.stringify([id, identity?.id ?? null]), async () => {
      const document = await findById(deps, id, identity)
      return new Map(document.outputs.map(({ key, sizeBytes }) => [key, sizeBytes]))
    })
    const key = toKey(event, id) ?? ''
    const sizeBytes = found.get(key)
    if (sizeBytes === undefined) throw noOutput()
    const type = served[/\.(\w+)$/.exec(key)?.[1]?.toLowerCase() ?? '']
    if (type !== undefined && sizeBytes <= MAX_SERVED_BYTES) {
      const found = await deps.readSmall(key, MAX_SERVED_BYTES)
      if (found === null) throw noOutput()
      return serve(event, found, type)
    }
    const method = event.req.method === 'HEAD' ? 'HEAD' : 'GET'
    const url = await urls(`${method} ${key}`, () => deps.presignGet(key, method))
    const seconds = Math.min(LONGEST_REDIRECT_SECONDS, Math.floor(urlSeconds / 4))
    const headers = { location: url, 'cache-control': toPrivate(seconds), vary: PER_CLIENT }
    return new HTTPResponse(null, { status: 302, headers })
  }
}

/** Returns the key at the end of the path; null if it is not encoded as the URLs in playlists are. */
function toKey({ url }: H3Event, id: string): string | null {
  const prefix = `/video/${id}/files/`
  const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : ''
  // the same key would have two URLs, and relative URLs in its file two meanings
  if (/%2f/i.test(path)) return null
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

/** Responds with the file, or with the part that the client requests: the segments of subtitles are ranges of one file. */
function serve({ req }: H3Event, { bytes, cacheControl }: SmallFile, type: string): HTTPResponse {
  const lifetime = cacheControl?.replaceAll(/\bpublic\b\s*,?\s*/gi, '') || 'max-age=10'
  const headers = {
    'content-type': type,
    'cache-control': `private, ${lifetime}`,
    'accept-ranges': 'bytes',
    vary: PER_CLIENT,
  }
  // there is no validator that `if-range` could match
  const isPart = req.method === 'GET' && !req.headers.has('if-range')
  const range = isPart ? parseRange(req.headers.get('range') ?? '', bytes.length) : null
  if (range === null) return new HTTPResponse(bytes, { headers })
  const { first, last } = range
  const contentRange = `bytes ${first}-${last}/${bytes.length}`
  return new HTTPResponse(bytes.subarray(first, last + 1), {
    status: 206,
    headers: { ...headers, 'content-range': contentRange },
  })
}

/** A browser that several people use must not show one the files of another. */
const PER_CLIENT = 'authorization, cookie'

/** Only the client may keep the response, because others have to be authorized. */
function toPrivate(seconds: number): string {
  return `private, max-age=${seconds}`
}

function noOutput() {
  const detail = 'The job has no output with this key.'
  return problemError({ status: 404, detail, code: 'output.not_found' })
}

export const getFile: Operation = {
  id: 'getFile',
  summary: 'Read an output of a job',
  description: 'Playlists, manifests and subtitles as they are; a redirect to a presigned URL for other files.',
  params: idParams.extend({ key: z.string().meta({ description: 'Key of the output. Its slashes are not encoded.' }) }),
  responses: {
    200: { description: 'A playlist, a manifest or subtitles.', contentType: Object.values(served) },
    206: { description: 'The requested range of such a file.', contentType: Object.values(served) },
    302: { description: 'The URL of another file is in the header `location`.' },
  },
  problems: ['job.not_found', 'output.not_found'],
}
