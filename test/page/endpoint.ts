/**
 * A stand-in for the endpoint: the real route of the page, and routes of uploads and jobs whose answers a test decides. It
 * can hold a job in any state, lose an upload, and refuse what the real endpoint refuses rarely.
 */
import { EventStream, HTTPResponse, type EventHandler } from 'h3'
import type { UserConfig } from '../../daemon/config/config.ts'
import { createApp } from '../../daemon/http/app.ts'
import { pageRoutes } from '../../daemon/http/page/page.ts'
import { problemError } from '../../daemon/http/problem.ts'
import { respondJson } from '../../daemon/http/respond.ts'
import type { HttpRoute } from '../../daemon/http/route.ts'
import { startServer } from '../../daemon/http/server.ts'
import { createLog } from '../../daemon/log/log.ts'
import { makeConfig } from '../helpers/edge.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { startStorage, type PageStorage } from './storage.ts'

/** A public job, as far as a test states it. */
export type FakeJob = Record<string, unknown> & {
  id: string
  state: string
  source: { key: string; sizeBytes?: number }
}

export type FakeEndpoint = AsyncDisposable & {
  readonly url: string
  readonly storage: PageStorage
  /** Newest first. */
  readonly jobs: FakeJob[]
  /** Keys of uploads, by the name of the file. */
  readonly keys: Map<string, string>
  /** Method and path of each request below `/s3/`. */
  readonly requests: string[]
  /** Parts that were sent, by the id of the upload; removing one makes S3 lose the upload. */
  readonly parts: Map<string, number[]>
  /** Token that requests must carry; null: none. */
  token: string | null
  /** Adds a job, or replaces it. */
  setJob(key: string, change: Record<string, unknown>): FakeJob
}

export type FakeOptions = { http?: NonNullable<UserConfig['http']> }

export async function startFakeEndpoint(
  pageFolder: string,
  { http = { outputUrls: true } }: FakeOptions = {},
): Promise<FakeEndpoint> {
  const storage = await startStorage()
  const log = createLog({ level: 'silent' as never, destination: { write: () => undefined } })
  const config = makeConfig({ http })
  const state = createState(storage)
  const page = pageRoutes({ config, pageFolder, presignGet: async (key) => `${storage.url}/${key}` })
  const app = createApp({ routes: [...page, ...uploadRoutes(state), ...jobRoutes(state)], http: config.http, log })
  const server = await startServer({ app, host: '127.0.0.1', port: 0, log })
  return Object.assign(state, {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await storage[Symbol.asyncDispose]()
    },
  })
}

type State = Omit<FakeEndpoint, 'url' | typeof Symbol.asyncDispose> & { readonly watchers: Set<(job: FakeJob) => void> }

function createState(storage: PageStorage): State {
  const jobs: FakeJob[] = []
  const watchers = new Set<(job: FakeJob) => void>()
  return {
    storage,
    jobs,
    keys: new Map(),
    requests: [],
    parts: new Map(),
    token: null,
    watchers,
    setJob(key, change) {
      const at = jobs.findIndex(({ source }) => source.key === key)
      const job = { ...(jobs[at] ?? makeJob(key)), ...change } as FakeJob
      if (at === -1) jobs.unshift(job)
      else jobs[at] = job
      for (const watch of watchers) watch(job)
      return job
    },
  }
}

function makeJob(key: string): FakeJob {
  return {
    id: toJobId('media', key),
    state: 'queued',
    attempt: 1,
    progress: { plugin: null, percent: 0 },
    source: { key, sizeBytes: 1_234_567 },
    outputs: [],
    warnings: [],
    error: null,
    timings: { startedAt: null, endedAt: null, plugins: [] },
  }
}

/** Refuses requests without the token, as `bearer()` does. */
function authorized(state: State, handler: EventHandler): EventHandler {
  return (event) => {
    const { pathname } = event.url
    if (pathname.startsWith('/s3/'))
      state.requests.push(`${event.req.method} ${pathname.split('/').slice(3).join('/')}`)
    if (state.token === null || event.req.headers.get('authorization') === `Bearer ${state.token}`)
      return handler(event)
    throw problemError({ status: 401, detail: 'A token is required.', code: 'request.unauthorized' })
  }
}

function uploadRoutes(state: State): HttpRoute[] {
  const { storage, keys, parts } = state
  const toKey = (name: string) => {
    const key = `origin_${crypto.randomUUID()}-${name}`
    keys.set(name, key)
    return key
  }
  const readParts = (id: string) => {
    const found = parts.get(id)
    if (found) return found
    throw problemError({ status: 404, detail: 'There is no such upload.', code: 'upload.not_found' })
  }
  const route = (method: HttpRoute['method'], path: `/${string}`, handler: EventHandler): HttpRoute => ({
    method,
    path,
    operation: null,
    handler: authorized(state, handler),
  })
  return [
    route('GET', '/s3/params', ({ url }) => {
      const key = toKey(url.searchParams.get('filename') ?? '')
      return respondJson({ method: 'POST', url: `${storage.url}/${encodeURIComponent(key)}`, fields: { key } })
    }),
    route('POST', '/s3/multipart', async ({ req }) => {
      const key = toKey(((await req.json()) as { filename: string }).filename)
      const uploadId = `upload-${parts.size + 1}`
      parts.set(uploadId, [])
      return respondJson({ key, uploadId })
    }),
    route('GET', '/s3/multipart/:id/:part', ({ context }) => {
      const { id = '', part = '' } = context.params ?? {}
      readParts(id).push(Number(part))
      return respondJson({ url: `${storage.url}/${id}/${part}` })
    }),
    route('GET', '/s3/multipart/:id', ({ context }) => {
      const id = context.params?.id ?? ''
      const sent = readParts(id).filter((part) => storage.received.has(`${id}/${part}`))
      return respondJson(sent.map((part) => ({ PartNumber: part, ETag: `${id}/${part}`, Size: 1 })))
    }),
    route('POST', '/s3/multipart/:id/complete', ({ url, context }) => {
      readParts(context.params?.id ?? '')
      const key = url.searchParams.get('key') ?? ''
      return respondJson({ location: `${storage.url}/${key}`, key })
    }),
    route('DELETE', '/s3/multipart/:id', ({ context }) => {
      parts.delete(context.params?.id ?? '')
      return respondJson({})
    }),
  ]
}

const PAGE = 20

function jobRoutes(state: State): HttpRoute[] {
  const find = (fits: (job: FakeJob) => boolean) => {
    const job = state.jobs.find(fits)
    if (job) return job
    throw problemError({ status: 404, detail: 'There is no job with this id.', code: 'job.not_found' })
  }
  const byId = (id: string | undefined) => find((job) => job.id === id)
  const route = (path: `/${string}`, handler: EventHandler): HttpRoute => ({
    method: 'GET',
    path,
    operation: null,
    handler: authorized(state, handler),
  })
  return [
    route('/videos', ({ url }) => {
      const from = Number(url.searchParams.get('cursor') ?? 0)
      const cursor = from + PAGE < state.jobs.length ? String(from + PAGE) : null
      return respondJson({ jobs: state.jobs.slice(from, from + PAGE), cursor })
    }),
    route('/video', ({ url }) => respondJson(find(({ source }) => source.key === url.searchParams.get('key')))),
    route('/video/events', (event) => {
      const key = event.url.searchParams.get('key')
      const stream = new EventStream(event)
      const push = (job: FakeJob) =>
        job.source.key === key && void stream.push({ event: job.state, data: JSON.stringify(job) })
      stream.onClosed(() => void state.watchers.delete(push))
      state.watchers.add(push)
      push(find(({ source }) => source.key === key))
      return stream
    }),
    route('/video/:id', ({ context, url }) => {
      const job = byId(context.params?.id)
      if (!url.searchParams.has('urls')) return respondJson(job)
      const outputs = (job.outputs as { key: string }[]).map((output) =>
        Object.assign({}, output, { url: `${state.storage.url}/${output.key}` }),
      )
      return respondJson({ ...job, outputs, expiresIn: 900 })
    }),
    route('/video/:id/files/**:path', ({ context }) => {
      const key = context.params?.path ?? ''
      const { body, contentType } = state.storage.files.get(key) ?? {}
      if (!/\.(?:m3u8|vtt)$/.test(key))
        return new HTTPResponse(null, { status: 302, headers: { location: `${state.storage.url}/${key}` } })
      return new HTTPResponse(body ?? null, {
        status: body ? 200 : 404,
        headers: { 'content-type': contentType ?? '' },
      })
    }),
  ]
}
