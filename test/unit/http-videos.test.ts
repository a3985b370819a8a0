import * as assert from 'uvu/assert'
import type { ListPage } from '../../daemon/http/jobs/list.ts'
import { assertProblem, makeDocument, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: lists of jobs')

const ID = 'a'.repeat(32)

test('passes the page and the identity on, and responds with public jobs', async () => {
  const calls: unknown[] = []
  const listPage: ListPage = async (identity, page) => {
    calls.push([identity, page])
    return { jobs: [makeDocument(ID, { identity: 'ann' })], cursor: 'next' }
  }
  await using edge = await startEdge({ listPage, readJob: async () => makeDocument(ID) })
  const { status, body } = await request(`${edge.url}/videos`)
  assert.is(status, 200)
  assert.equal(body, { jobs: [(await request(`${edge.url}/video/${ID}`)).body], cursor: 'next' })
  await request(`${edge.url}/videos?limit=100&cursor=abc`)
  await using own = await startEdge({ listPage, identify: () => ({ id: 'ann' }) })
  await request(`${own.url}/videos?limit=1`)
  assert.equal(calls, [
    [null, { limit: 20, cursor: null }],
    [null, { limit: 100, cursor: 'abc' }],
    [{ id: 'ann' }, { limit: 1, cursor: null }],
  ])
})

test('rejects a limit or a cursor that is not valid', async () => {
  await using edge = await startEdge({ listPage: async () => 'invalid_cursor' })
  for (const limit of ['0', '101', '-1', '1.5', '1e1', '', ' 5', 'x', '0x10'])
    assertProblem(await request(`${edge.url}/videos?limit=${encodeURIComponent(limit)}`), 400, /^limit: /)
  for (const cursor of ['', 'x', 'y'.repeat(300)])
    assertProblem(await request(`${edge.url}/videos?cursor=${cursor}`), 400, /^cursor: /)
})

test('reports a bucket with too many jobs to list them without identities', async () => {
  await using edge = await startEdge({ listPage: async () => 'too_many' })
  const response = await request(`${edge.url}/videos`)
  assertProblem(response, 501)
  assert.is(response.body.code, 'job.too_many')
})
