import { openAsBlob } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createClient, type UploadState } from '../../daemon/client/index.ts'
import * as sample from '../helpers/client.ts'
import { problem, s3Errors, startFakeMediad, type FakeMediad } from '../helpers/fake-mediad.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const { retry, inParts, partBytes, bytes, large, small, errorOf } = sample

const test = suite('client resume')

let server: FakeMediad
test.beforeEach(async () => void (server = await startFakeMediad()))
test.afterEach(async () => server[Symbol.asyncDispose]())

const connect = () => createClient({ endpoint: server.url, retry })
const fail = (faults: sample.Faults) => sample.fail(server, faults)
const assertArrived = (key: string) => sample.assertArrived(server, key)
const sent = () => server.requests.flatMap(({ route, part }) => (route === 'part' ? [part] : []))

/** Calls `then` when the second part is about to arrive; the part does not. */
function atSecondPart(then: () => void): void {
  let isFirst = true
  server.before = ({ route, part }) => {
    if (route !== 'part' || part !== 2 || !isFirst) return undefined
    isFirst = false
    then()
    return 'cut'
  }
}

/** Uploads the first part, and returns the state with which the upload can continue. */
async function interrupt(): Promise<UploadState> {
  const controller = new AbortController()
  atSecondPart(() => controller.abort(new Error('left the page')))
  const upload = connect().upload(large(), { ...inParts, parallel: 1, signal: controller.signal })
  assert.is((await errorOf(upload.done)).message, 'left the page')
  assert.is(server.count('abort'), 0)
  assert.ok(upload.state)
  server.requests.length = 0
  return JSON.parse(JSON.stringify(upload.state)) as UploadState
}

test('pause ends the requests; resume sends what is missing', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  atSecondPart(() => {
    upload.pause()
    resolve()
  })
  const upload = connect().upload(large(), { ...inParts, parallel: 1 })
  await promise
  const before = server.requests.length
  upload.resume()
  const { key } = await upload.done
  assertArrived(key)
  assert.equal(sent(), [1, 2, 2, 3])
  assert.is(server.requests[before]?.route, 'list')
})

test('an upload that is paused sends nothing', async () => {
  const upload = connect().upload(small())
  upload.pause()
  await new Promise(setImmediate)
  const before = server.requests.length
  await connect().jobs() // a request that comes later has arrived
  assert.is(server.requests.length, before + 1)
  assert.is(server.count('put'), 0)
  upload.resume()
  await upload.done
  assert.is(server.count('put'), 1)
})

test('cancel removes the parts from S3, and nothing is sent after it', async () => {
  const cancelled = Promise.withResolvers<void>()
  atSecondPart(() => upload.cancel().then(cancelled.resolve, cancelled.reject))
  const upload = connect().upload(large(), { ...inParts, parallel: 1 })
  assert.is((await errorOf(upload.done)).name, 'AbortError')
  await cancelled.promise
  assert.equal(
    [...server.uploads.values()].map(({ state }) => state),
    ['gone'],
  )
  assert.is(server.requests.at(-1)?.route, 'abort')
  assert.is(upload.state, null)
  await upload.cancel()
  assert.is(server.count('abort'), 1)
})

test('cancel of an upload that is paused, and of one that has ended', async () => {
  const paused = connect().upload(small())
  paused.pause()
  await paused.cancel()
  assert.is((await errorOf(paused.done)).name, 'AbortError')
  const ended = connect().upload(large(), inParts)
  await ended.done
  await ended.cancel()
  assert.is(server.count('abort'), 0)
})

test('an upload continues in another session with its state, and sends only what is missing', async () => {
  const state = await interrupt()
  const seen: number[] = []
  const onProgress = ({ sentBytes }: { sentBytes: number }) => seen.push(sentBytes)
  const { id, key } = await connect().upload(large(), { state, onProgress }).done
  assertArrived(key)
  assert.equal([id, key], [state.id, state.key])
  assert.equal(sent().toSorted(), [2, 3])
  assert.is(server.count('presign'), 0)
  assert.ok(seen.every((sentBytes) => sentBytes >= partBytes))
})

test('a part of another size is sent again', async () => {
  const state = await interrupt()
  server.uploads.get(state.uploadId)?.parts.set(1, { etag: 'a', body: Buffer.from('another upload') })
  assertArrived((await connect().upload(large(), { state }).done).key)
  assert.equal(sent().toSorted(), [1, 2, 3])
})

test('an upload does not continue with another file', async () => {
  const state = await interrupt()
  const others = [
    large(bytes, 'holiday.mp4', 2000),
    large(bytes, 'other.mp4'),
    new File(['less'], 'holiday.mp4', { lastModified: 1000 }),
  ]
  for (const other of others)
    assert.is((await errorOf(connect().upload(other, { state }).done)).code, 'client.file_changed')
  assert.is(server.requests.length, 0)
  assertArrived((await connect().upload(new Blob([bytes]), { state }).done).key) // nothing that is known of both differs
})

test('an upload that has ended meanwhile is not sent again', async () => {
  const state = await interrupt()
  await connect().upload(large(), { state }).done
  server.requests.length = 0
  const { key } = await connect().upload(large(), { state }).done
  assert.is(key, state.key)
  assert.equal(
    server.requests.map(({ route }) => route),
    ['list', 'complete'],
  )
})

for (const [where, faults] of Object.entries<sample.Faults>({
  'mediad when it signs': { sign: [problem(410, 'upload.gone')] },
  'S3 when it gets a part': { part: [s3Errors.gone] },
  'mediad when it completes': { complete: [problem(404, 'upload.not_found')] },
}))
  test(`an upload that is gone, for ${where}, starts again`, async () => {
    fail(faults)
    const states: UploadState[] = []
    const upload = connect().upload(large(), { ...inParts, parallel: 1, onState: (state) => states.push(state) })
    const { key } = await upload.done
    assertArrived(key)
    assert.equal(
      states.map((state) => state.key === key),
      [false, true],
    )
  })

test('an upload that disappears again and again fails', async () => {
  server.before = ({ route }) => (route === 'sign' ? problem(410, 'upload.gone') : undefined)
  assert.is((await errorOf(connect().upload(large(), inParts).done)).code, 'upload.gone')
  assert.is(server.count('presign'), 3)
})

test('an upload that was completed is not started again when its end is not known', async () => {
  fail({ complete: ['lose', problem(410, 'upload.gone')] })
  assertArrived((await connect().upload(large(), inParts).done).key)
  assert.is(server.count('presign'), 1)
})

test('a lost response to the completion is requested again', async () => {
  fail({ complete: ['lose'] })
  assertArrived((await connect().upload(large(), inParts).done).key)
  assert.is(server.count('complete'), 2)
})

test('a part that S3 lost is sent again', async () => {
  let isFirst = true
  server.before = ({ route }) => {
    if (route !== 'complete' || !isFirst) return
    isFirst = false
    for (const { parts } of server.uploads.values()) parts.delete(2)
  }
  assertArrived((await connect().upload(large(), { ...inParts, parallel: 1 }).done).key)
  assert.equal(sent(), [1, 2, 3, 2])
})

test('without readable ETags, those of the list are used', async () => {
  const client = createClient({
    endpoint: server.url,
    retry,
    async fetch(...args) {
      const { status, headers, body } = await fetch(...args)
      const readable = new Headers(headers)
      readable.delete('etag')
      return new Response(body, { status, headers: readable })
    },
  })
  assertArrived((await client.upload(large(), inParts).done).key)
  assert.is(server.count('list'), 1)
})

test('a file that was changed after it was selected is named as the cause', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'video.mp4')
  await writeFile(path, 'before')
  const file = await openAsBlob(path)
  await writeFile(path, 'changed since')
  assert.is((await errorOf(connect().upload(file).done)).code, 'client.file_unreadable')
  const shorter = { size: 10, slice: async () => new Uint8Array(3) }
  assert.is((await errorOf(connect().upload(shorter).done)).code, 'client.file_changed')
})
