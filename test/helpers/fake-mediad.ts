/** A small server that behaves like mediad's endpoint and like S3, and fails as a test wants. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Route = 'presign' | 'sign' | 'list' | 'complete' | 'abort' | 'put' | 'part' | 'job' | 'jobs' | 'events'

export type FakeRequest = {
  readonly route: Route
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  /** Number of a part. */
  readonly part?: number
}

/**
 * How a request ends instead: `cut` before it has an effect, `lose` after it, without a response. Pieces of a stream are
 * written one by one; the connection ends after them, unless `isOpen`.
 */
export type Fault =
  | 'cut'
  | 'lose'
  | { status: number; headers?: Record<string, string>; body?: unknown }
  | { pieces: string[]; isOpen?: boolean }

type Part = { etag: string; body: Buffer }
type Multipart = { key: string; parts: Map<number, Part>; state: 'open' | 'completed' | 'gone' }

export type FakeMediad = AsyncDisposable & {
  readonly url: string
  readonly requests: FakeRequest[]
  readonly objects: Map<string, Buffer>
  readonly uploads: Map<string, Multipart>
  /** The jobs that it knows, by id or by key. */
  readonly jobs: Map<string, object>
  /** Called before a request has an effect. Returns how it fails, if it does. */
  before: (request: FakeRequest) => Fault | undefined | void | Promise<Fault | undefined | void>
  /** Number of streams that are open. */
  openStreams(): number
  count(route: Route): number
  stop(): Promise<void>
  start(): Promise<void>
}

type Server = Omit<FakeMediad, keyof AsyncDisposable>

export async function startFakeMediad({ partBytes = 6 * 2 ** 20 } = {}): Promise<FakeMediad> {
  let open = 0
  let port = 0
  const http = createServer((request, response) => void serve(fake, request, response))
  const start = async () => {
    http.listen(port, '127.0.0.1')
    await once(http, 'listening')
    ;({ port } = http.address() as AddressInfo)
  }
  const stop = async () => {
    const closed = once(http, 'close')
    http.close()
    http.closeAllConnections()
    await closed
  }
  await start()
  const requests: FakeRequest[] = []
  const fake: Server & { partBytes: number; onStream(response: ServerResponse): void } = {
    url: `http://127.0.0.1:${port}`,
    requests,
    objects: new Map(),
    uploads: new Map(),
    jobs: new Map(),
    before: () => undefined,
    openStreams: () => open,
    count: (route) => requests.filter((one) => one.route === route).length,
    stop,
    start,
    partBytes,
    onStream(response) {
      open++
      response.on('close', () => open--)
    },
  }
  return Object.assign(fake, {
    async [Symbol.asyncDispose]() {
      if (http.listening) await stop()
    },
  })
}

type Served = Server & { partBytes: number; onStream(response: ServerResponse): void }

async function serve(fake: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '', fake.url)
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return // the client has ended the request
  }
  const target = toTarget(request.method ?? '', url)
  const seen = { ...target, url, headers: request.headers, body: Buffer.concat(chunks) }
  fake.requests.push(seen)
  const fault = await fake.before(seen)
  if (fault === 'cut') return void request.socket.destroy()
  if (typeof fault === 'object' && 'pieces' in fault) return writePieces(fake, response, fault)
  const answer = typeof fault === 'object' ? fault : respond(fake, seen)
  if (fault === 'lose') return void request.socket.destroy()
  const { status = 200, headers = {}, body } = answer
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, { 'x-request-id': 'request-1', ...headers }).end(text)
}

function writePieces(
  fake: Served,
  response: ServerResponse,
  { pieces, isOpen = false }: { pieces: string[]; isOpen?: boolean },
) {
  fake.onStream(response)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  for (const piece of pieces) response.write(piece)
  if (!isOpen) response.end()
}

function toTarget(method: string, { pathname, searchParams }: URL): { route: Route; part?: number } {
  const [, , , , below] = pathname.split('/')
  if (method === 'PUT') {
    const part = searchParams.get('part')
    return part === null ? { route: 'put' } : { route: 'part', part: Number(part) }
  }
  if (pathname === '/video/pre-signed-url') return { route: 'presign' }
  if (pathname === '/videos') return { route: 'jobs' }
  if (pathname.endsWith('/events')) return { route: 'events' }
  if (!pathname.startsWith('/s3/')) return { route: 'job' }
  if (method === 'DELETE') return { route: 'abort' }
  if (below === 'complete') return { route: 'complete' }
  return below === undefined ? { route: 'list' } : { route: 'sign', part: Number(below) }
}

type Answer = { status?: number; headers?: Record<string, string>; body?: unknown }

export function problem(
  status: number,
  code: string,
  headers: Record<string, string> = {},
): Answer & { status: number } {
  return { status, headers, body: { type: 'about:blank', title: 'Error', status, code, detail: `detail of ${code}` } }
}

const xml = (code: string, status: number): Answer & { status: number } => ({
  status,
  body: `<Error><Code>${code}</Code><Message>message of ${code}</Message><RequestId>s3-1</RequestId></Error>`,
})

/** Errors of S3. */
export const s3Errors = {
  expired: xml('AccessDenied', 403),
  gone: xml('NoSuchUpload', 404),
  slowDown: xml('SlowDown', 503),
}

function respond(fake: Served, { route, url, body, part = 0 }: FakeRequest): Answer {
  const key = url.searchParams.get('key') ?? ''
  if (route === 'presign') return presign(fake, JSON.parse(body.toString()))
  if (route === 'put') {
    fake.objects.set(url.pathname.slice(1), body)
    return { headers: { etag: `"${toEtag(body)}"` } }
  }
  if (route === 'part') return putPart(fake, url, { part, body })
  if (route === 'job' || route === 'events') {
    const job = fake.jobs.get(key || (url.pathname.split('/')[2] ?? ''))
    if (route === 'events') return problem(404, job ? 'request.not_found' : 'job.not_found')
    return job || fake.objects.has(key) ? { body: job ?? {} } : problem(404, 'job.not_found')
  }
  if (route === 'jobs') return { body: { jobs: [...fake.jobs.values()], cursor: null } }
  return respondToUpload(fake, { route, url, body, part })
}

function presign({ url, uploads, partBytes }: Served, { multipart }: { multipart?: boolean }): Answer {
  const id = randomUUID().replaceAll('-', '')
  const key = `origin_${id}.mp4`
  if (!multipart)
    return {
      body: { isSuccess: true, id, key, preSignedUrl: `${url}/${key}`, headers: { 'x-signed': '1' }, method: 'PUT' },
    }
  uploads.set(id, { key, parts: new Map(), state: 'open' })
  return { body: { isSuccess: true, id, key, uploadId: id, partBytes } }
}

function putPart({ uploads }: Served, url: URL, { part, body }: { part: number; body: Buffer }): Answer {
  const upload = uploads.get(url.pathname.slice(1))
  if (upload?.state !== 'open') return s3Errors.gone
  const etag = toEtag(body)
  upload.parts.set(part, { etag, body })
  return { headers: { etag: `"${etag}"` } }
}

function respondToUpload(fake: Served, { route, url, body, part }: Omit<FakeRequest, 'headers'>): Answer {
  const id = url.pathname.split('/')[3] ?? ''
  const upload = fake.uploads.get(id)
  if (upload === undefined || upload.key !== url.searchParams.get('key')) return problem(404, 'upload.not_found')
  if (route === 'abort') {
    if (upload.state === 'open') upload.state = 'gone'
    return { body: {} }
  }
  if (upload.state === 'gone') return problem(410, 'upload.gone')
  const parts = [...upload.parts].toSorted(([a], [b]) => a - b)
  if (route === 'list')
    return { body: parts.map(([PartNumber, { etag, body }]) => ({ PartNumber, ETag: `"${etag}"`, Size: body.length })) }
  if (route === 'sign') return { body: { url: `${fake.url}/${id}?part=${part}`, expires: 900 } }
  if (upload.state === 'open') {
    const asked = (JSON.parse(body.toString()) as { parts: { PartNumber: number; ETag: string }[] }).parts
    const isKnown = asked.every(
      ({ PartNumber, ETag }) => upload.parts.get(PartNumber)?.etag === ETag.replaceAll('"', ''),
    )
    if (!isKnown) return problem(400, 'upload.parts')
    fake.objects.set(upload.key, Buffer.concat(parts.map(([, { body }]) => body)))
    upload.state = 'completed'
  }
  return { body: { key: upload.key } }
}

const toEtag = (body: Buffer) => createHash('md5').update(body).digest('hex')
