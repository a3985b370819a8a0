import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { assertProblem, makeDocument, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: jobs that no daemon has claimed')

const KEY = 'origin_ä b.mp4'
const ID = toJobId('media', KEY)
const path = `/video?key=${encodeURIComponent(KEY)}`

const queued = {
  id: ID,
  state: 'queued',
  attempt: 0,
  progress: { plugin: null, percent: 0 },
  source: { key: KEY, sizeBytes: 7 },
  outputs: [],
  warnings: [],
  error: null,
  timings: { startedAt: null, endedAt: null, plugins: [] },
}

const fail = (code: string) => async () => Promise.reject(new MediadError(code, 'it failed'))

test('finds a job by the key of its source', async () => {
  const document = makeDocument(ID)
  await using edge = await startEdge({ readJob: async (id) => (id === ID ? document : null) })
  const [byKey, byId] = await Promise.all([request(edge.url + path), request(`${edge.url}/video/${ID}`)])
  assert.is(byKey.status, 200)
  assert.is(byKey.text, byId.text)
})

test('an upload without a document is queued', async () => {
  await using edge = await startEdge({ findSource: async (key) => (key === KEY ? { sizeBytes: 7 } : null) })
  const { status, body } = await request(edge.url + path)
  assert.is(status, 200)
  assert.equal(body, queued)
  assertProblem(await request(`${edge.url}/video?key=origin_other.mp4`), 404, /no upload/)
})

test('an upload that S3 cannot decrypt is queued, of unknown size', async () => {
  await using edge = await startEdge({ findSource: fail('input.key_unavailable') })
  const { body } = await request(edge.url + path)
  assert.equal(body, { ...queued, source: { key: KEY } })
})

test('does not reveal objects that are not sources, and reads nothing for them', async () => {
  const reads: string[] = []
  const found = async (key: string) => (reads.push(key), { sizeBytes: 1 })
  await using edge = await startEdge({ readJob: async (id) => (reads.push(id), null), findSource: found })
  const [other, missing] = ['cvted_a.mp4', '.mediad/jobs/x.json'].map((key) => request(`${edge.url}/video?key=${key}`))
  for (const response of [await other, await missing]) if (response) assertProblem(response, 404, /no upload/)
  assert.equal(reads, [])
})

test('rejects a request without a usable key', async () => {
  await using edge = await startEdge()
  for (const query of ['', '?key=', '?name=a', `?key=origin_${'a'.repeat(1024)}`])
    assertProblem(await request(`${edge.url}/video${query}`), 400, /^key: /)
  const post = await request(edge.url + path, { method: 'POST' })
  assert.equal([post.status, post.headers.get('allow')], [405, 'GET, HEAD'])
})

test('reports a storage that fails', async () => {
  await using edge = await startEdge({ findSource: fail('transient.storage') })
  assertProblem(await request(edge.url + path), 503)
})

test('a dead job that was redriven is queued, with the error of its last attempt', async () => {
  const dead = { state: 'dead', owner: null } as const
  const documents = new Map([
    ['a'.repeat(32), makeDocument('a'.repeat(32), dead)],
    ['b'.repeat(32), makeDocument('b'.repeat(32), { ...dead, redrivenAt: '2026-01-01T00:00:00.000Z' })],
  ])
  await using edge = await startEdge({ readJob: async (id) => documents.get(id) ?? null })
  const states = [...documents.keys()].map(async (id) => (await request(`${edge.url}/video/${id}`)).body)
  const [still, again] = await Promise.all(states)
  assert.equal([still?.state, again?.state], ['dead', 'queued'])
  assert.equal(again?.progress, { plugin: null, percent: 0 })
  assert.equal(again?.error, still?.error)
  assert.is(again?.redrivenAt, undefined)
})
