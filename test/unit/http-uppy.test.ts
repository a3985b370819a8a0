/** The requests of the stock client in its two versions, as recorded in Chromium, and what it reads of the responses. */
import * as assert from 'uvu/assert'
import { putParts, startUploads, toEtag, type UploadServer } from '../helpers/companion.ts'
import type { JsonResponse } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: requests of Uppy')

const MiB = 1024 ** 2
const metadata = { name: 'a b.mp4', type: 'video/mp4' }

type Version = {
  readonly accept: string
  /** Body that starts an upload in parts. */
  readonly start: string
  /** How the client sends the ETags of parts; those of ListParts can differ from those of its own PUTs. */
  toComplete(etags: readonly string[]): string
}

const versions: Readonly<Record<string, Version>> = {
  '@uppy/aws-s3 6.3.1': {
    accept: '*/*',
    start: JSON.stringify({ filename: 'a b.mp4', metadata, type: 'video/mp4' }),
    toComplete: (etags) =>
      JSON.stringify({
        parts: etags.map((etag, index) => ({ PartNumber: index + 1, ETag: index === 0 ? `"${etag}"` : etag })),
      }),
  },
  '@uppy/aws-s3 5.1.0': {
    accept: 'application/json',
    start: JSON.stringify({ filename: 'a b.mp4', type: 'video/mp4', metadata }),
    toComplete: (etags) =>
      JSON.stringify({ parts: etags.map((etag, index) => ({ ETag: `"${etag}"`, PartNumber: index + 1 })) }),
  },
}

for (const [name, { accept, start, toComplete }] of Object.entries(versions)) {
  test(`${name} uploads a small file by a form`, async () => {
    await using server = await startUploads()
    const query = 'filename=a+b.mp4&type=video%2Fmp4&metadata%5Bname%5D=a+b.mp4&metadata%5Btype%5D=video%2Fmp4'
    const { method, url, fields } = await send(server, `GET /s3/params?${query}`, { accept })
    // 5.x uploads by POST only when the response names the method
    assert.equal([method, url], ['POST', 'http://s3/media'])
    assert.match((fields as { key: string }).key, /^origin_[0-9a-f-]{36}-a-b\.mp4$/)
    for (const field of Object.keys(fields as object)) assert.not.match(field, /^file$|redirect/i)
  })

  test(`${name} uploads in parts, lists them, and completes or aborts the upload`, async () => {
    await using server = await startUploads()
    const begin = async () => {
      const started = (await send(server, 'POST /s3/multipart', { accept, body: start })) as {
        key: string
        uploadId: string
      }
      const { key, uploadId } = started
      const path = `/s3/multipart/${encodeURIComponent(uploadId)}`
      return { key, uploadId, path, query: `?${new URLSearchParams({ key })}` }
    }
    const upload = await begin()
    const { path, query, key } = upload
    assert.type((await send(server, `GET ${path}/1${query}`, { accept })).url, 'string')
    putParts(server, upload, [5 * MiB, 5 * MiB, 7])
    const list = (await send(server, `GET ${path}${query}`, { accept })) as unknown as { ETag: string }[]
    assert.ok(Array.isArray(list), 'a list, not an object with a list')
    assert.equal(list.at(-1), { PartNumber: 3, ETag: `"${toEtag(3)}"`, Size: 7 })
    const body = toComplete([1, 2, 3].map(toEtag))
    const done = await send(server, `POST ${path}/complete${query}`, { accept, body })
    assert.equal([done.location, done.key], [`http://s3/media/${key}`, key])
    const other = await begin()
    assert.equal(await send(server, `DELETE ${other.path}${other.query}`, { accept }), {})
  })
}

type Sent = { readonly accept: string; readonly body?: string }

/** Sends a request as a page does; `line` is its method and path. */
async function send(server: UploadServer, line: string, { accept, body }: Sent): Promise<JsonResponse['body']> {
  const [method = '', path = ''] = line.split(' ')
  const content = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(server.url + path, {
    method,
    headers: { accept, ...content },
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  assert.is(response.status, 200, `${line}: ${text}`)
  assert.match(response.headers.get('content-type') ?? '', 'application/json')
  return JSON.parse(text) as JsonResponse['body']
}
