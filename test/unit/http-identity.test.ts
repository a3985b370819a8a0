import * as assert from 'uvu/assert'
import { createWatches } from '../../daemon/http/jobs/stream/watch.ts'
import { readIdentityMetadata } from '../../daemon/vocabulary/identity.ts'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { assertProblem, makeConfig, makeDocument, request, startEdge, type JsonResponse } from '../helpers/edge.ts'
import { openEvents } from '../helpers/event-stream.ts'
import { createFakeClock } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('http: jobs of identities')

const KEY = 'origin_a.mp4'
const ID = toJobId('media', KEY)
const identify = ({ headers }: Request) => ({ id: headers.get('x-user') ?? '' })
const as = (user: string) => ({ headers: { 'x-user': user } })

const paths = [`/video/${ID}`, `/video?key=${KEY}`, `/video/${ID}/events`, `/video/events?key=${KEY}`]

type Uploaded = { identity?: string | null } | null

/** Starts an endpoint with one job and its source, for clients with an identity. Its reads are recorded. */
async function startOwned(change: Partial<JobDocument> | null, source: Uploaded) {
  const document =
    change && makeDocument(ID, { state: 'succeeded', source: { ...makeDocument(ID).source, key: KEY }, ...change })
  const reads: string[] = []
  const clock = createFakeClock()
  const edge = await startEdge({
    config: makeConfig({ http: { files: true } }),
    identify,
    watches: createWatches({ clock, read: async () => document && { document, etag: 'e', ageSeconds: 0 } }),
    async readJob(id) {
      reads.push('document')
      return id === ID ? document : null
    },
    async findSource(key) {
      reads.push('source')
      return source && key === KEY ? { sizeBytes: 7, ...source } : null
    },
  })
  const get = async (path: string, user: string) => {
    reads.length = 0
    const response = await request(edge.url + path, as(user))
    return { ...response, reads: reads.toSorted().join(' ') }
  }
  return { edge, get, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() }
}

const states: Record<string, [document: Partial<JobDocument> | null, source: Uploaded]> = {
  'a finished job': [{ identity: 'ann' }, { identity: 'ann' }],
  'a job whose source was deleted': [{ identity: 'ann' }, null],
  'a job before its download': [{ state: 'processing' }, { identity: 'ann' }],
}

for (const [name, [document, source]] of Object.entries(states))
  test(`${name} is for its owner only, and for others like one that does not exist`, async () => {
    await using owned = await startOwned(document, source)
    await using empty = await startOwned(null, null)
    for (const path of paths.slice(0, 2)) assert.is((await owned.get(path, 'ann')).status, 200, path)
    for (const path of paths) {
      const [foreign, missing] = [await owned.get(path, 'bob'), await empty.get(path, 'bob')]
      assertProblem(foreign, 404)
      assert.is(foreign.text, missing.text)
      assert.equal(toNames(foreign), toNames(missing))
      assert.is(foreign.reads, missing.reads, path)
      assert.is(foreign.reads, 'document source', path)
    }
  })

const toNames = ({ headers }: JsonResponse) => [...headers.keys()]

test('an upload that no daemon has claimed is for its owner only', async () => {
  await using owned = await startOwned(null, { identity: 'ann' })
  assert.is((await owned.get(`/video?key=${KEY}`, 'ann')).body.state, 'queued')
  assertProblem(await owned.get(`/video?key=${KEY}`, 'bob'), 404)
  assertProblem(await owned.get(`/video/${ID}`, 'ann'), 404)
})

test('jobs without an identity are for nobody who has one', async () => {
  for (const source of [{ identity: null }, {}, null]) {
    await using owned = await startOwned({}, source)
    for (const path of paths) assertProblem(await owned.get(path, 'ann'), 404)
  }
})

test('the identity is not part of a response', async () => {
  await using owned = await startOwned({ identity: 'ann-smith' }, null)
  assert.not.match((await owned.get(`/video/${ID}`, 'ann-smith')).text, 'ann-smith')
})

test('without authorization, all jobs are visible', async () => {
  const document = makeDocument(ID, { identity: 'ann' })
  await using edge = await startEdge({ readJob: async () => document })
  assert.is((await request(`${edge.url}/video/${ID}`)).status, 200)
})

test('a stream ends when the key gets an upload of another identity', async () => {
  const clock = createFakeClock()
  let document = makeDocument(ID, { identity: 'ann', state: 'processing', outputs: [] })
  await using edge = await startEdge({
    identify,
    watches: createWatches({ clock, read: async () => ({ document, etag: 'e', ageSeconds: 0 }) }),
    readJob: async () => document,
  })
  await using events = await openEvents(`${edge.url}/video/${ID}/events`, { 'x-user': 'ann' })
  await until('the first event arrives', () => events.types() === 'started')
  document = makeDocument(ID, { identity: 'bob', rev: 20, claim: 9, state: 'processing' })
  await clock.advance(1000)
  await events.ended
  assert.is(events.types(), 'started')
  assert.not.match(events.text(), 'bob')
})

test('limits streams by identity, not by address', async () => {
  let owner = 'ann'
  const config = makeConfig({ http: { streamsPerClient: 1 } })
  await using edge = await startEdge({ identify, config, readJob: async () => makeDocument(ID, { identity: owner }) })
  const open = (user: string) => openEvents(`${edge.url}/video/${ID}/events`, { 'x-user': user })
  await using first = await open('ann')
  await using second = await open('ann')
  owner = 'bob'
  await using other = await open('bob')
  assert.equal(
    [first, second, other].map(({ response }) => response.status),
    [200, 429, 200],
  )
})

test('reads the identity from the metadata of a source', () => {
  const cases: [Record<string, string>, string | null][] = [
    [{ identity: 'ann' }, 'ann'],
    [{ identity: 'https%3A%2F%2Fid.example%2F%C3%A9' }, 'https://id.example/é'],
    [{}, null],
    [{ identity: '' }, null],
    [{ identity: '%' }, null],
    [{ identity: 'a%00b' }, null],
    [{ identity: 'a%0Ab' }, null],
    [{ identity: 'x'.repeat(257) }, null],
  ]
  for (const [metadata, expected] of cases) assert.is(readIdentityMetadata(metadata), expected)
})
