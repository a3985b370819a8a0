import { createEndpoint, type Endpoint, type HeaderValues } from './endpoint.ts'
import { hasCode } from './errors.ts'
import type { UploadFile } from './upload/file.ts'
import { toJobPath, type Job, type JobTarget } from './jobs/job.ts'
import { retryDefaults, type RetryOptions } from './retry.ts'
import { createSend } from './upload/send.ts'
import { startUpload, type Upload, type UploadOptions } from './upload/upload.ts'
import { waitForJob, watchJob, type JobEvent, type WatchOptions } from './jobs/watch.ts'

export type ClientOptions = {
  /** URL of mediad's HTTP endpoint: `https://media.example.com`. In a browser, an empty string is the origin of the page. */
  endpoint: string
  /** Returns headers for a request to mediad. It is called for each request, so it can refresh a token. S3 does not get them. */
  headers?: () => HeaderValues | Promise<HeaderValues>
  /** Used instead of the global `fetch`, except for uploads to S3 in browsers, which use XMLHttpRequest for its progress. */
  fetch?: typeof globalThis.fetch
  retry?: RetryOptions
}

export type JobOptions = {
  /** Adds a presigned URL to each output; needs `http.outputUrls`. Default false. */
  urls?: boolean
  signal?: AbortSignal
}

export type ListOptions = {
  /** Jobs per page. Default: mediad's. */
  limit?: number
  /** Continues after an earlier page. */
  cursor?: string
  signal?: AbortSignal
}

export type JobPage = {
  /** The newest first. */
  readonly jobs: readonly Job[]
  /** Cursor of the next page; null on the last one. */
  readonly cursor: string | null
}

export type Client = {
  /** Starts to upload a file. */
  upload(file: UploadFile, options?: UploadOptions): Upload
  /** Returns a job; null if there is none, or none yet. */
  job(target: JobTarget, options?: JobOptions): Promise<Job | null>
  /** Returns a page of jobs. `for await` over the result continues through all pages. */
  jobs(options?: ListOptions): Promise<JobPage> & AsyncIterable<Job>
  /** Reports what happens to a job until it has ended. */
  watch(target: JobTarget, options?: WatchOptions): AsyncIterable<JobEvent>
  /** Resolves with a job when it has succeeded. Rejects with a {@link JobDeadError} when it has ended without success. */
  wait(target: JobTarget, options?: WatchOptions): Promise<Job>
  /** Returns the URL at which mediad serves an output; needs `http.files`. */
  fileUrl(job: { readonly id: string }, key: string): string
}

/** @throws TypeError when the endpoint is not a URL */
export function createClient({ endpoint, headers, fetch: given, retry = {} }: ClientOptions): Client {
  const url = toBase(endpoint)
  const fetch: typeof globalThis.fetch = given ?? ((...args) => globalThis.fetch(...args))
  const api = createEndpoint({ url, headers, fetch, policy: { ...retryDefaults, ...retry } })
  const send = createSend(fetch)
  return {
    upload: (file, options = {}) => startUpload({ endpoint: api, send }, file, options),
    async job(target, { urls = false, signal } = {}) {
      const path = toJobPath(target)
      const query = urls ? `${path.includes('?') ? '&' : '?'}urls=1` : ''
      return api.call<Job>({ path: path + query, signal }).catch((error: unknown) => {
        if (hasCode(error, 'job.not_found')) return null
        throw error
      })
    },
    jobs: (options = {}) => listJobs(api, options),
    watch: (target, options = {}) => watchJob(api, target, options),
    wait: (target, options = {}) => waitForJob(api, target, options),
    fileUrl: ({ id }, key) => `${url}/video/${id}/files/${key.split('/').map(encodeURIComponent).join('/')}`,
  }
}

/** A page of a browser can name an endpoint of its own origin by a path, or by nothing. */
function toBase(endpoint: string): string {
  const { location } = globalThis as { location?: { href: string } }
  void new URL(endpoint, location?.href)
  return endpoint.replace(/\/+$/, '')
}

function listJobs(endpoint: Endpoint, options: ListOptions): Promise<JobPage> & AsyncIterable<Job> {
  const read = ({ limit, cursor, signal }: ListOptions) => {
    const query = new URLSearchParams()
    if (limit !== undefined) query.set('limit', String(limit))
    if (cursor !== undefined) query.set('cursor', cursor)
    return endpoint.call<JobPage>({ path: `/videos${query.size > 0 ? `?${query}` : ''}`, signal })
  }
  const first = read(options)
  return Object.assign(first, {
    async *[Symbol.asyncIterator]() {
      for (let page = await first; ; page = await read({ ...options, cursor: page.cursor })) {
        yield* page.jobs
        if (page.cursor === null) return
      }
    },
  })
}
