import { PutObjectCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { createJobIndex } from '../../daemon/job/job-index.ts'
import { createList } from '../../daemon/storage/list.ts'
import { createPresignGet } from '../../daemon/storage/presign.ts'
import { createReadSmall } from '../../daemon/storage/small.ts'
import { createStorage } from '../../daemon/storage/storage.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { startBench } from '../faults/bench.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { openEvents } from '../helpers/event-stream.ts'
import { noteCode } from '../helpers/fleet.ts'
import { gateCode } from '../helpers/gate.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('status')

const tokens = { 'token-of-ann-with-32-characters--': 'änn', 'token-of-bob-with-32-characters--': 'bob' }
const as = (user: string) => ({ authorization: `Bearer token-of-${user.replace('ä', 'a')}-with-32-characters--` })

/** Uploads a source for an identity, as a client with a presigned URL does. */
async function putFor(cloud: Cloud, key: string, identity: string): Promise<void> {
  const Metadata = { identity: encodeURIComponent(identity) }
  await cloud.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: await tinyVideo(), Metadata }))
}

test('every daemon sends the events of a job, which survives the stop of its daemon, and lists it', async () => {
  const chain = '[gate(), note(), upload()]'
  const job = 'job: { attempts: 3, leaseSeconds: 60, recheckSeconds: 1 }, shutdown: { graceSeconds: 1 }'
  const http = `http: { port: 0, authorize: bearer({ tokens: ${JSON.stringify(tokens)} }) }`
  const code = `import { bearer } from 'mediad'\n${gateCode}${noteCode}`
  await using bench = await startBench({ code, chain, more: `${job}, ${http}` })
  const key = 'origin_a.mp4'
  const id = toJobId(BUCKET, key)
  await putFor(bench.cloud, key, 'änn')
  await bench.first.daemon.waitFor('job.started')
  // this daemon cannot write the entry of the list
  bench.first.proxy.fault({ on: isIndexed, do: 'respond', status: 403, code: 'AccessDenied' })
  const second = await bench.start()
  const [byKey, byId] = [`/video/events?key=${key}`, `/video/${id}/events`]
  await using onFirst = await openEvents(bench.first.daemon.url + byKey, as('änn'))
  await using onSecond = await openEvents(second.daemon.url + byId, as('änn'))
  await until('both daemons send events', () => [onFirst, onSecond].every(({ types }) => types().includes('started')))
  await until('the identity is stored', async () => (await bench.document(key))?.identity === 'änn')

  assert.is(await bench.first.daemon.stop(), 0)
  await onFirst.ended
  await bench.openGate()
  await onSecond.ended
  assert.match(
    onSecond.types(),
    /^started .*queued started.* playable outputs succeeded$|^started .*outputs succeeded$/,
  )
  const get = async (user: string, path: string) => {
    const response = await fetch(second.daemon.url + path, { headers: as(user) })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const { body } = await get('änn', `/video/${id}`)
  assert.equal(onSecond.events().at(-1)?.data, body)

  assert.is((await get('bob', `/video/${id}`)).status, 404)

  await bench.cloud.put('origin_b.mp4', await tinyVideo())
  await putFor(bench.cloud, 'origin_c.mp4', 'änn')
  for (const other of ['origin_b.mp4', 'origin_c.mp4']) await bench.waitUntilFinished(other)
  assert.is((await bench.document('origin_b.mp4'))?.identity, undefined)
  const { body: first } = await get('änn', '/videos?limit=1')
  const { body: rest } = await get('änn', `/videos?cursor=${first.cursor}`)
  assert.equal([toIds(first), toIds(rest), rest.cursor], [[toJobId(BUCKET, 'origin_c.mp4')], [id], null])
  assert.equal(await get('bob', '/videos'), { status: 200, body: { jobs: [], cursor: null } })
  const entries = await bench.cloud.list('.mediad/identities/')
  assert.is(entries.length, 2)
  assert.match(entries[1] ?? '', new RegExp(`/\\d{13}-${id}-[0-9a-f]{8}$`))
})

const isIndexed = ({ key }: { key: string }) => key.startsWith('.mediad/identities/')

const toIds = ({ jobs }: Record<string, unknown>) => (jobs as { id: string }[]).map(({ id }) => id)

test.exhaustive(
  'a job succeeds although the entry of its identity cannot be written, and the log reports it',
  async () => {
    await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]' })
    bench.first.proxy.fault({ on: isIndexed, do: 'respond', status: 500, code: 'InternalError' })
    await putFor(bench.cloud, 'origin_a.mp4', 'ann')
    assert.is((await bench.waitUntilFinished('origin_a.mp4')).state, 'succeeded')
    assert.is(bench.countEvents('job.index_failed'), 1)
    assert.equal(await bench.cloud.list('.mediad/identities/'), [])
  },
)

test('S3: reads what has changed, lists from a key on, and signs GET and HEAD', async () => {
  await using cloud = await startCloud()
  const { s3: client } = cloud
  const storage = createStorage({ client, bucket: BUCKET })
  const etag = await cloud.put('a.txt', 'one')
  assert.is(await storage.readIfChanged('a.txt', etag), 'unchanged')
  assert.is(await storage.readIfChanged('missing.txt', etag), null)
  await cloud.put('a.txt', 'two')
  const changed = await storage.readIfChanged('a.txt', etag)
  assert.is(typeof changed === 'object' && changed?.text, 'two')

  const index = createJobIndex({ storage, list: createList({ client, bucket: BUCKET }), statePrefix: '.mediad/' })
  const source = { bucket: BUCKET, key: 'origin_a.mp4', etag: 'e', sizeBytes: 1 }
  const names = async (after = '') => {
    const found: string[] = []
    for await (const name of index.list('ann', { after, pageSize: 2 })) found.push(name)
    return found
  }
  for (let day = 1; day <= 5; day++) {
    const job = { id: String(day).repeat(32), source }
    for (let attempt = 1; attempt <= 2; attempt++)
      await index.add(job, { identity: 'ann', uploadedAt: new Date(Date.UTC(2026, 0, day)) })
  }
  const all = await names()
  assert.equal(
    all.map((name) => name[14]),
    ['5', '4', '3', '2', '1'],
  )
  assert.equal(await names(all[1]), all.slice(2))

  const readSmall = createReadSmall({ client, bucket: BUCKET })
  const put = { Bucket: BUCKET, Key: 'hls/master.m3u8', Body: '#EXTM3U', CacheControl: 'max-age=10' }
  await client.send(new PutObjectCommand(put))
  const small = await readSmall('hls/master.m3u8', 100)
  assert.equal([new TextDecoder().decode(small?.bytes), small?.cacheControl], ['#EXTM3U', 'max-age=10'])
  assert.is(await readSmall('hls/master.m3u8', 6), null)
  assert.is(await readSmall('missing', 6), null)

  const presign = createPresignGet({ client, bucket: BUCKET, urlSeconds: 60 })
  const part = await fetch(await presign('hls/master.m3u8'), { headers: { range: 'bytes=1-3' } })
  assert.equal([part.status, await part.text()], [206, 'EXT'])
  const head = await fetch(await presign('hls/master.m3u8', 'HEAD'), { method: 'HEAD' })
  assert.equal([head.status, head.headers.get('content-length')], [200, '7'])
  const wrong = await fetch(await presign('hls/master.m3u8'), { method: 'HEAD' })
  assert.is(wrong.status, 403)
})
