import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { S3Client } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { isShared } from '../../daemon/protocol/fault.ts'
import { createDownload } from '../../daemon/storage/download.ts'
import { createStorage } from '../../daemon/storage/storage.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { source } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

type Response = { status: number; code: string; message?: string; more?: string }

/** The message of S3 and MinIO for an object with a customer-provided key. */
const customerKey =
  'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.'

const archived = { status: 403, code: 'InvalidObjectState', more: '<StorageClass>GLACIER</StorageClass>' }
const disabled = { status: 400, code: 'KMS.DisabledException', message: 'arn:aws:kms:x is disabled.' }
const needsKey = { status: 400, code: 'InvalidRequest', message: customerKey }

/** Starts a server that responds to every GET request with an error, and to every HEAD request with its status only. */
async function startStore({ status, code, message = 'm', more = '' }: Response) {
  const requests: string[] = []
  const respond = ({ method = '' }: IncomingMessage) => {
    requests.push(method)
    return method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`
  }
  const server = createServer((incoming, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' }).end(respond(incoming))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const client = new S3Client({ endpoint, region: 'x', forcePathStyle: true, credentials, maxAttempts: 1 })
  return {
    client,
    requests,
    async [Symbol.asyncDispose]() {
      client.destroy()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

const toCaught = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as MediadError,
  )

async function download(response: Response) {
  await using store = await startStore(response)
  await using folder = await temporaryFolder()
  const { signal } = new AbortController()
  const request = { source, path: join(folder.path, 'source'), signal }
  return { error: await toCaught(createDownload(store)(request)), requests: store.requests }
}

const test = suite('errors of single objects')

const cases: [Response, string, RegExp][] = [
  [archived, 'input.archived', /origin_\S+ is in storage class GLACIER \(InvalidObjectState: m\)\. Restore/],
  [{ ...archived, more: '' }, 'input.archived', /an archive storage class/],
  [disabled, 'input.key_unavailable', /KMS\.DisabledException: arn:aws:kms:x is disabled/],
  [{ ...disabled, code: 'KMS.KMSInvalidStateException' }, 'input.key_unavailable', /KMSInvalidState/],
  [{ ...disabled, code: 'XMinioKMSKeyNotFoundException' }, 'input.key_unavailable', /KMSKeyNotFound/],
  [needsKey, 'input.key_unavailable', /InvalidRequest: The object was stored/],
]

for (const [response, code, message] of cases) {
  test(`rejects a source that S3 cannot return, after one request: ${response.code} ${response.more ?? ''}`, async () => {
    const { error, requests } = await download(response)
    assert.is(error?.code, code)
    assert.is(error?.verdict, 'reject')
    assert.match(error?.message ?? '', message)
    assert.not.ok(error && isShared(error), 'the circuit breaker is not tripped')
    assert.equal(requests, ['GET'])
  })
}

test('keeps the codes of other errors', async () => {
  const others: [Response, string][] = [
    [{ status: 400, code: 'InvalidRequest' }, 'transient.storage'],
    [{ status: 400, code: 'ExpiredToken' }, 'access.denied'],
    [{ status: 403, code: 'AccessDenied' }, 'transient.download'],
    [{ status: 500, code: 'KMS.InternalException' }, 'transient.download'],
  ]
  for (const [response, code] of others) assert.is((await download(response)).error?.code, code, response.code)
})

test('reports an object that S3 cannot decrypt when its metadata are read, which has a response without a body', async () => {
  const expected: [Response, string, string[]][] = [
    [disabled, 'input.key_unavailable', ['HEAD', 'GET']],
    [needsKey, 'input.key_unavailable', ['HEAD', 'GET']],
    [{ status: 400, code: 'ExpiredToken' }, 'access.denied', ['HEAD', 'GET']],
    [{ status: 403, code: 'AccessDenied' }, 'access.denied', ['HEAD']],
  ]
  for (const [response, code, requests] of expected) {
    await using store = await startStore(response)
    const error = await toCaught(createStorage({ client: store.client, bucket: 'media' }).head('origin_a.mp4'))
    assert.is(error?.code, code, response.code)
    assert.equal(store.requests, requests)
  }
})
