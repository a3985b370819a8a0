import * as assert from 'uvu/assert'
import { createClient, type ClientOptions, type UploadState } from '../../daemon/client/index.ts'
import { problem, s3Errors, startFakeMediad, type FakeMediad, type Fault, type Route } from '../helpers/fake-mediad.ts'
import { suite } from '../helpers/suite.ts'

const MiB = 2 ** 20
const retry = { attempts: 4, firstSeconds: 0.001, maxSeconds: 0.01 }
const partBytes = 5 * MiB
const bytes = Buffer.alloc(3 * partBytes - 1000, 'media')
for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at)

const test = suite('client upload')

let server: FakeMediad
test.beforeEach(async () => void (server = await startFakeMediad()))
test.afterEach(async () => server[Symbol.asyncDispose]())

const connect = (options: Partial<ClientOptions> = {}) => createClient({ endpoint: server.url, retry, ...options })
const large = () => new File([bytes], 'holiday.mp4', { type: 'video/mp4', lastModified: 1000 })
const small = () => new File(['hello'], 'small.mp4', { type: 'video/mp4' })

/** Fails the first requests of some routes, in this order. */
function fail(faults: Partial<Record<Route, Fault[]>>): void {
  server.before = ({ route }) => faults[route]?.shift()
}

/** Returns the error of a promise that rejects. */
async function errorOf(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  const [result] = await Promise.allSettled([promise])
  assert.is(result.status, 'rejected')
  return (result as PromiseRejectedResult).reason
}

function assertArrived(key: string, expected: Uint8Array = bytes): void {
  assert.ok(server.objects.get(key)?.equals(expected), `${key} is not the file`)
  assert.is(server.objects.size, 1)
}

test('a small file is one PUT, with the headers of its URL', async () => {
  const seen: unknown[] = []
  const upload = connect().upload(small(), { onProgress: (progress) => seen.push(progress) })
  const { id, key } = await upload.done
  assertArrived(key, Buffer.from('hello'))
  assert.match(id, /^[0-9a-f]{32}$/)
  const [presign, put] = server.requests
  assert.equal(JSON.parse(String(presign?.body)), { filename: 'small.mp4', contentType: 'video/mp4', size: 5 })
  assert.is(put?.headers['x-signed'], '1')
  assert.is(put?.headers['content-type'], undefined)
  assert.is(upload.state, null)
  assert.equal(seen, [{ sentBytes: 5, totalBytes: 5 }])
})

test('the headers of each request to mediad come from the callback; S3 does not get them', async () => {
  let token = 0
  await connect({ headers: async () => ({ authorization: `Bearer ${++token}` }) }).upload(small()).done
  await connect({ headers: () => new Headers({ authorization: `Bearer ${++token}` }) }).job('a')
  assert.equal(
    server.requests.map(({ route, headers }) => [route, headers.authorization]),
    [
      ['presign', 'Bearer 1'],
      ['put', undefined],
      ['job', 'Bearer 2'],
    ],
  )
})

test('a large file is sent in parts, several at once', async () => {
  let waiting: (() => void)[] = []
  server.before = async ({ route, part }) => {
    if (route !== 'part' || part === 3) return
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    // a part waits for another one: one at a time would never end
    if (waiting.length === 2) for (const go of waiting) go()
    await promise
  }
  const states: UploadState[] = []
  const upload = connect().upload(large(), { partBytes, parallel: 2, onState: (state) => states.push(state) })
  const { id, key } = await upload.done
  assertArrived(key)
  assert.is(server.count('part'), 3)
  assert.equal(states, [
    { id, key, uploadId: id, partBytes, file: { size: bytes.length, name: 'holiday.mp4', lastModified: 1000 } },
  ])
  waiting = []
})

test('mediad suggests the size of the parts; a file that is not a Blob is read in slices', async () => {
  const file = { size: 17 * MiB, slice: async (start: number, end: number) => new Uint8Array(end - start) }
  const { key } = await connect().upload(file, { filename: 'a.mkv', contentType: '' }).done
  assertArrived(key, new Uint8Array(file.size))
  assert.is(server.count('part'), 3) // of 6 MiB
  assert.equal(JSON.parse(String(server.requests[0]?.body)), { filename: 'a.mkv', size: file.size, multipart: true })
})

test('a request that is cut, or refused for the moment, is repeated; no other part is sent again', async () => {
  fail({
    presign: ['cut', problem(503, 'transient.storage', { 'retry-after': '0' })],
    sign: [problem(429, 'request.rate'), 'lose'],
    part: ['cut', s3Errors.slowDown, 'lose'],
    complete: [problem(503, 'transient.storage'), 'cut'],
  })
  const { key } = await connect().upload(large(), { partBytes }).done
  assertArrived(key)
  assert.is(server.count('part'), 3 + 3)
  assert.is(server.count('list'), 0)
})

test('progress never decreases by more than a failed part', async () => {
  const seen: number[] = []
  let failures = 0
  server.before = ({ route, part }) => (route === 'part' && part === 2 && failures++ < 2 ? 'cut' : undefined)
  const onProgress = ({ sentBytes }: { sentBytes: number }) => seen.push(sentBytes)
  await connect().upload(large(), { partBytes, onProgress }).done
  assert.is(seen.at(-1), bytes.length)
  for (const [at, sent] of seen.entries()) assert.ok(sent >= (seen[at - 1] ?? 0) - partBytes, seen.join(' '))
})

test('retry-after is respected', async () => {
  const pauses: number[] = []
  const original = globalThis.setTimeout
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    if (ms === 7000) pauses.push(ms)
    return original(run, ms === 7000 ? 0 : ms)
  }) as typeof setTimeout
  try {
    fail({ presign: [problem(429, 'request.rate', { 'retry-after': '7' })] })
    await connect({ retry: { firstSeconds: 0 } }).upload(small()).done
  } finally {
    globalThis.setTimeout = original
  }
  assert.equal(pauses, [7000])
})

test('a URL that has expired is signed again, for a part', async () => {
  fail({ part: [s3Errors.expired, s3Errors.expired] })
  assertArrived((await connect().upload(large(), { partBytes, parallel: 1 }).done).key)
  assert.is(server.count('sign'), 3 + 2)
})

test('a URL that has expired is replaced, for a small file', async () => {
  fail({ put: [s3Errors.expired] })
  assertArrived((await connect().upload(small()).done).key, Buffer.from('hello'))
  assert.is(server.count('presign'), 2)
})

test('a small file that arrived without a response is not uploaded under a second key', async () => {
  fail({ put: ['lose', s3Errors.expired] })
  assertArrived((await connect().upload(small()).done).key, Buffer.from('hello'))
  assert.is(server.count('presign'), 1)
})

test('an upload whose URLs are always refused fails', async () => {
  server.before = ({ route }) => (route === 'part' ? s3Errors.expired : undefined)
  const error = await errorOf(connect().upload(large(), { partBytes }).done)
  assert.equal([error.code, error.status, error.requestId], ['client.refused', 403, 's3-1'])
  assert.match(String(error.detail), /S3 responded with 403 AccessDenied: message of AccessDenied/)
})

test('an error of the request is not repeated', async () => {
  fail({ presign: [problem(413, 'request.too_large')] })
  const error = await errorOf(connect().upload(small()).done)
  assert.equal(
    [error.name, error.code, error.status, error.detail, error.requestId, error.isTransient],
    ['ClientError', 'request.too_large', 413, 'detail of request.too_large', 'request-1', false],
  )
  assert.is(server.requests.length, 1)
})

test('a request fails after a number of attempts', async () => {
  server.before = () => 'cut'
  const error = await errorOf(connect().upload(small()).done)
  assert.equal([error.code, error.status, error.isTransient], ['client.network', null, true])
  assert.is(server.count('presign'), retry.attempts)
})
