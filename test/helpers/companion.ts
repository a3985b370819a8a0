import { setIdentity } from '../../daemon/http/access/identity.ts'
import { createApp } from '../../daemon/http/app.ts'
import type { HttpRoute } from '../../daemon/http/route.ts'
import { startServer, type HttpServer } from '../../daemon/http/server.ts'
import type { PresignHandlerDeps } from '../../daemon/http/uploads/presign.ts'
import { createUploadRoutes } from '../../daemon/http/uploads/routes.ts'
import * as assert from 'uvu/assert'
import { createTestLog } from './context.ts'
import { makeConfig, request, type JsonResponse } from './edge.ts'
import { createFakeMultipart, type FakeMultipart } from './multipart.ts'

export type UploadServer = HttpServer &
  AsyncDisposable & {
    /** Sends a request as a client, `ann` by default; null is a client without an identity. */
    call(method: string, path: string, options?: { body?: unknown; user?: string | null }): Promise<JsonResponse>
  }

export type FakeUploadServer = UploadServer & { readonly multipart: FakeMultipart }

/** Starts the routes of uploads alone, without S3. */
export async function startUploads(
  deps: Partial<PresignHandlerDeps> & { multipart?: FakeMultipart } = {},
): Promise<FakeUploadServer> {
  const multipart = deps.multipart ?? createFakeMultipart()
  const server = await serveUploads({
    config: makeConfig(),
    presign: async ({ key }) => ({ url: `http://s3/media/${key}`, headers: {} }),
    presignPost: async ({ key }) => ({ url: 'http://s3/media', fields: { key } }),
    readUploadSecret: async () => UPLOAD_SECRET,
    ...deps,
    multipart,
  })
  return { ...server, multipart }
}

export const UPLOAD_SECRET = 'secret of the tests, 32 characters'

/** Starts the routes of uploads alone. The header `x-user` of a request is its identity. */
export async function serveUploads(deps: PresignHandlerDeps): Promise<UploadServer> {
  const log = createTestLog()
  const app = createApp({ routes: createUploadRoutes(deps).map(withUser), http: deps.config.http, log })
  const server = await startServer({ app, host: '127.0.0.1', port: 0, log })
  return {
    ...server,
    call: (method, path, { body, user = 'ann' } = {}) =>
      request(`${server.url}${path}`, {
        method,
        headers: user === null ? {} : { 'x-user': encodeURIComponent(user) },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

function withUser(route: HttpRoute): HttpRoute {
  const handler: HttpRoute['handler'] = (event) => {
    const user = event.req.headers.get('x-user')
    if (user !== null) setIdentity(event, { id: decodeURIComponent(user) })
    return route.handler(event)
  }
  return { ...route, handler }
}

/** A multipart upload that was started, as its client knows it. */
export type StartedUpload = { key: string; uploadId: string; path: string; query: string }

/** Starts a multipart upload as Uppy does. */
export async function startParts({ call }: UploadServer, user: string | null = 'ann'): Promise<StartedUpload> {
  const file = { filename: 'My clip.mov', type: 'video/quicktime', metadata: { name: 'My clip.mov' } }
  const { status, body, text } = await call('POST', '/s3/multipart', { body: file, user })
  assert.is(status, 200, text)
  const { key, uploadId } = body as Record<'key' | 'uploadId', string>
  return {
    key,
    uploadId,
    path: `/s3/multipart/${encodeURIComponent(uploadId)}`,
    query: `?key=${encodeURIComponent(key)}`,
  }
}

/** Stores parts as if their PUTs had succeeded; returns them as a client lists them. */
export function putParts({ multipart }: FakeUploadServer, { key, uploadId }: StartedUpload, sizes: readonly number[]) {
  const target = { key, uploadId: uploadId.split('.').slice(2).join('.') }
  return sizes.map((sizeBytes, index) => {
    const number = index + 1
    multipart.put(target, { number, etag: toEtag(number), sizeBytes })
    return { PartNumber: number, ETag: `"${toEtag(number)}"` }
  })
}

/** The ETag of a part, as long as an MD5. */
export const toEtag = (number: number) => String(number).padStart(32, 'e')
