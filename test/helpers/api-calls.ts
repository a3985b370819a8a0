/** The calls of the contract test: for every operation, one for each response that it describes. */
import { sealToken } from '../../daemon/http/uploads/token.ts'
import type { RouteDeps } from '../../daemon/http/routes.ts'
import { createStreams } from '../../daemon/http/jobs/stream/streams.ts'
import { renderMark, toMark } from '../../daemon/http/jobs/stream/mark.ts'
import { systemClock } from '../../daemon/vocabulary/clock.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { makeConfig, makeDocument } from './edge.ts'
import { createFakeMultipart } from './multipart.ts'

/** A request, and the status that it must have. */
export type Call = {
  readonly status: number
  /** Values of the parameters in the path. */
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Text is sent as it is. */
  readonly body?: unknown
  /** Dependencies of the endpoint for this call, besides {@link deps}. */
  readonly deps?: Partial<RouteDeps>
}

/** A token that the endpoint can be configured with. */
export const TOKEN = 'token-of-the-contract-test-0123456789'

const SECRET = 'secret of the tests, 32 characters'
const KEY = 'origin_a.mp4'
const ID = toJobId('media', KEY)
const QUEUED_KEY = 'origin_queued.mp4'
const output = { sizeBytes: 5, etag: 'e2', seconds: 1 }
const media = { format: 'mp4', codec: 'h264', width: 640, height: 360, durationSeconds: 3, streams: 2 }
const job = makeDocument(ID, {
  state: 'succeeded',
  owner: null,
  media,
  outputs: [
    { ...output, key: 'cvted_a.mp4', kind: 'video', contentType: 'video/mp4', media, copied: ['audio'] },
    { ...output, key: 'hls/a.m3u8', kind: 'playlist', contentType: 'application/vnd.apple.mpegurl' },
    { ...output, key: 'hls/a.mpd', kind: 'manifest', contentType: 'application/dash+xml' },
    { ...output, key: 'hls/a.vtt', kind: 'subtitles', contentType: 'text/vtt' },
  ],
  warnings: [{ plugin: 'transcode', message: 'the audio was left out' }],
  timings: {
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:09.000Z',
    plugins: [{ plugin: 'transcode', seconds: 1, cpuSeconds: 1, skipped: 'no video', notes: ['copied the audio'] }],
  },
})
const failed = makeDocument(toJobId('media', 'origin_failed.mp4'))
const multipart = createFakeMultipart()

/** Dependencies with one job that succeeded, one that failed, and one upload that no daemon has claimed. */
export function deps(): Partial<RouteDeps> {
  return {
    multipart,
    readUploadSecret: async () => SECRET,
    readJob: async (id) => [job, failed].find((one) => one.id === id) ?? null,
    findSource: async (key) => (key === QUEUED_KEY ? { sizeBytes: 7 } : null),
    listPage: async (_, { cursor }) => (cursor === null ? { jobs: [job, failed], cursor: 'next' } : 'invalid_cursor'),
    readSmall: async () => ({ bytes: new Uint8Array([35]), cacheControl: null }),
    isReady: async () => ({ ready: true, checks: { bucket: 'ok' } }),
    metrics: async (accept) => ({
      contentType:
        accept === 'openmetrics' ? 'application/openmetrics-text; version=1.0.0' : 'text/plain; version=0.0.4',
      body: '# EOF\n',
    }),
  }
}

/** Returns the calls by the id of the operation. `url` is that of an endpoint with {@link deps}. */
export async function createCalls(url: string): Promise<Readonly<Record<string, readonly Call[]>>> {
  const start = async () => {
    const response = await fetch(`${url}/s3/multipart`, { method: 'POST', body: '{}' })
    return (await response.json()) as { key: string; uploadId: string }
  }
  const [open, large, aborted] = [await start(), await start(), await start()]
  return {
    ...toStarts(),
    ...toParts(open),
    ...toEnds({ open, large, aborted }),
    ...jobCalls,
    ...streamCalls,
    ...daemonCalls,
  }
}

function toStarts(): Record<string, readonly Call[]> {
  const refused = { status: 415, body: { type: 'text/html' } }
  return {
    createUpload: [
      { status: 200 },
      { status: 200, body: { filename: 'a.mp4', contentType: 'video/mp4', size: 5 } },
      { status: 200, body: { method: 'POST' } },
      { status: 200, body: { multipart: true } },
      { status: 400, body: { size: 'large' } },
      { status: 413, body: { size: Number.MAX_SAFE_INTEGER } },
      { status: 415, body: { contentType: 'text/html' } },
    ],
    createUploadForm: [
      { status: 200, query: { filename: 'a.mp4', type: 'video/mp4' } },
      { status: 415, query: { type: 'text/html' } },
    ],
    createMultipartUpload: [
      { status: 200, body: { filename: 'a.mp4', type: 'video/mp4', metadata: { name: 'a.mp4' } } },
      { status: 400, body: '{' },
      refused,
    ],
  }
}

type Upload = { readonly key: string; readonly uploadId: string }

/** Returns a call for an upload, and those that fail for every operation of one. */
function toUploadCalls({ key, uploadId }: Upload, call: Omit<Call, 'status'> & { status?: number }): Call[] {
  const expired = sealToken(SECRET, null, { key, uploadId: 'x', expiresAt: 1 })
  const toCall = (status: number, token: string, query: Call['query'] = { ...call.query, key }) => ({
    ...call,
    status,
    path: { ...call.path, uploadId: encodeURIComponent(token) },
    query,
  })
  return [toCall(call.status ?? 200, uploadId), toCall(404, 'x'), toCall(410, expired), toCall(400, uploadId, {})]
}

function toParts(open: Upload): Record<string, readonly Call[]> {
  const [noNumber, large] = ['0', '99999'].map((partNumber) => ({
    path: { partNumber },
    query: { partNumbers: partNumber },
  }))
  const wrong = [
    { ...noNumber, status: 400 },
    { ...large, status: 413 },
  ].map((call) => toUploadCalls(open, call)[0]) as Call[]
  return {
    signPart: [...toUploadCalls(open, { path: { partNumber: '1' } }), ...wrong],
    signParts: [...toUploadCalls(open, { query: { partNumbers: '1,2' } }), ...wrong],
    listParts: toUploadCalls(open, {}),
  }
}

function toEnds({
  open,
  large,
  aborted,
}: Record<'open' | 'large' | 'aborted', Upload>): Record<string, readonly Call[]> {
  const etag = 'e'.repeat(32)
  for (const { key, uploadId } of [open, large])
    multipart.put({ key, uploadId: uploadId.split('.').slice(2).join('.') }, { number: 1, etag, sizeBytes: 5 })
  const body = { parts: [{ PartNumber: 1, ETag: `"${etag}"` }] }
  const taken = { ...multipart, complete: async () => 'exists' as const }
  const [unknownPart] = toUploadCalls(open, { status: 400, body: { parts: [{ PartNumber: 2, ETag: etag }] } })
  const [conflict] = toUploadCalls(open, { status: 409, body, deps: { multipart: taken } })
  const tooLarge = { http: { uploads: { maxBytes: 1 } } }
  const [sum] = toUploadCalls(large, { status: 413, body, deps: { config: makeConfig(tooLarge) } })
  return {
    completeMultipartUpload: [unknownPart, conflict, sum, ...toUploadCalls(open, { body })] as Call[],
    abortMultipartUpload: toUploadCalls(aborted, {}),
  }
}

const closed = makeConfig({ http: {} })

const jobCalls: Record<string, readonly Call[]> = {
  getJob: [
    { status: 200, path: { id: ID } },
    { status: 200, path: { id: failed.id } },
    { status: 200, path: { id: ID }, query: { urls: '1' } },
    { status: 400, path: { id: ID }, query: { urls: '2' } },
    { status: 403, path: { id: ID }, query: { urls: '1' }, deps: { config: closed } },
    { status: 404, path: { id: 'x' } },
  ],
  getJobByKey: [
    { status: 200, query: { key: KEY } },
    { status: 200, query: { key: QUEUED_KEY, urls: '1' } },
    { status: 400 },
    { status: 403, query: { key: KEY, urls: '1' }, deps: { config: closed } },
    { status: 404, query: { key: 'origin_unknown.mp4' } },
  ],
  listJobs: [
    { status: 200, query: { limit: '2' } },
    { status: 400, query: { limit: '0' } },
    { status: 400, query: { cursor: 'x' } },
    { status: 501, deps: { listPage: async () => 'too_many' } },
  ],
  getFile: [
    { status: 200, path: { id: ID, key: 'hls/a.m3u8' } },
    { status: 200, path: { id: ID, key: 'hls/a.mpd' } },
    { status: 200, path: { id: ID, key: 'hls/a.vtt' } },
    { status: 206, path: { id: ID, key: 'hls/a.vtt' }, headers: { range: 'bytes=0-1' } },
    { status: 302, path: { id: ID, key: 'cvted_a.mp4' } },
    { status: 404, path: { id: ID, key: 'unknown.mp4' } },
    { status: 404, path: { id: 'x', key: 'cvted_a.mp4' } },
  ],
}

const toStreams = (max: number, maxPerClient: number): Partial<RouteDeps> => ({
  streams: createStreams({ max, maxPerClient, clock: systemClock }),
})
/** The job of an identity: programs on this machine have no limit of their own. */
const ofAnn: Partial<RouteDeps> = {
  config: makeConfig({ http: { authorize: () => ({ id: 'ann' }) } }),
  readJob: async (id) => (id === ID ? { ...job, identity: 'ann' } : null),
}
const ended = { 'last-event-id': renderMark(toMark(job)) }
const toStreamCalls = (known: Omit<Call, 'status'>, unknown: Omit<Call, 'status'>): Call[] => [
  { ...known, status: 200 },
  { ...known, status: 204, headers: ended },
  { ...unknown, status: 404 },
  { ...known, status: 429, deps: { ...toStreams(1, 0), ...ofAnn } },
  { ...known, status: 503, deps: toStreams(0, 1) },
]

const streamCalls: Record<string, readonly Call[]> = {
  followJob: toStreamCalls({ path: { id: ID } }, { path: { id: 'x' } }),
  followJobByKey: [
    ...toStreamCalls({ query: { key: KEY } }, { query: { key: 'origin_unknown.mp4' } }),
    { status: 400 },
  ],
}

const daemonCalls: Record<string, readonly Call[]> = {
  getHealth: [{ status: 200 }],
  getReadiness: [
    { status: 200 },
    { status: 503, deps: { isReady: async () => ({ ready: false, checks: { bucket: 'unreachable' } }) } },
  ],
  getMetrics: [{ status: 200 }, { status: 200, headers: { accept: 'openmetrics' } }],
  getOpenApi: [{ status: 200 }],
}
