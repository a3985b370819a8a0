/** A stand-in for the bucket: takes uploads of the page, as presigned URLs of S3 do, and serves files with byte ranges. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type PageStorage = AsyncDisposable & {
  readonly url: string
  /** Files by path, without a leading slash. */
  readonly files: Map<string, { body: Buffer; contentType: string }>
  /** Method and path of each upload request, in order. */
  readonly requests: string[]
  /** Sizes of the bodies of uploads by path. */
  readonly received: Map<string, number>
  /** Uploads whose path contains this text get no response until it is null again. */
  hold: string | null
  /** True if a request had a token, which must not leave the endpoint. */
  hasToken: boolean
  /** Status of uploads that are refused; null: they succeed. */
  refuse: number | null
}

export async function startStorage(): Promise<PageStorage> {
  const waiting: (() => void)[] = []
  let hold: string | null = null
  const storage: Omit<PageStorage, 'url' | typeof Symbol.asyncDispose> = {
    files: new Map(),
    requests: [],
    received: new Map(),
    hasToken: false,
    refuse: null,
    get hold() {
      return hold
    },
    set hold(text) {
      hold = text
      if (text === null) for (const go of waiting.splice(0)) go()
    },
  }
  const server = createServer((request, response) => {
    storage.hasToken ||= request.headers.authorization !== undefined
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-expose-headers', 'etag, content-length, content-range')
    if (request.method === 'OPTIONS') return preflight(response)
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://s3').pathname).slice(1)
    if (request.method === 'GET') return serveFile(storage.files.get(path), { request, response })
    // a page that pauses ends its requests
    const size = receive(request).catch(() => null)
    void size.then(async (size) => {
      if (size === null) return
      storage.requests.push(`${request.method} ${path}`)
      if (storage.hold !== null && path.includes(storage.hold))
        await new Promise<void>((resolve) => waiting.push(resolve))
      response.statusCode = storage.refuse ?? 200
      if (storage.refuse === null) storage.received.set(path, size)
      response.setHeader('etag', `"${path}"`)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(storage, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      storage.hold = null
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

function preflight(response: ServerResponse): void {
  response.setHeader('access-control-allow-methods', 'GET, PUT, POST')
  response.setHeader('access-control-allow-headers', '*')
  response.writeHead(204).end()
}

async function receive(request: IncomingMessage): Promise<number> {
  let size = 0
  for await (const chunk of request) size += (chunk as Buffer).length
  return size
}

type Served = { request: IncomingMessage; response: ServerResponse }

function serveFile(file: { body: Buffer; contentType: string } | undefined, { request, response }: Served): void {
  if (!file) return void response.writeHead(404).end()
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const [start, end] = [Number(from), Math.min(to === '' ? Infinity : Number(to), file.body.length - 1)]
  response.setHeader('content-type', file.contentType)
  response.setHeader('accept-ranges', 'bytes')
  if (from !== '') response.setHeader('content-range', `bytes ${start}-${end}/${file.body.length}`)
  response.statusCode = from === '' ? 200 : 206
  response.end(file.body.subarray(start, end + 1))
}
