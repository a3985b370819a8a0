import * as assert from 'uvu/assert'
import { assertProblem, makeConfig, makeDocument, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: URLs of outputs')

const ID = 'a'.repeat(32)
const readJob = async (id: string) => makeDocument(id, { state: 'succeeded', error: null })
const presignGet = async (key: string) => `http://s3/media/${key}?signed`

test('adds a URL to each output when the config allows it and the client requests it', async () => {
  const config = makeConfig({ http: { outputUrls: true, urlSeconds: 60 } })
  await using edge = await startEdge({ config, readJob, presignGet })
  const { status, body } = await request(`${edge.url}/video/${ID}?urls=1`)
  assert.is(status, 200)
  const [output] = body.outputs as Record<string, unknown>[]
  assert.equal([output?.key, output?.url], ['cvted_a.mp4', 'http://s3/media/cvted_a.mp4?signed'])
  assert.is(body.expiresIn, 60)

  const plain = await request(`${edge.url}/video/${ID}`)
  assert.not.match(plain.text, 'signed')
  assert.is(plain.body.expiresIn, undefined)
})

test('refuses URLs of outputs by default, before it reads the job', async () => {
  let reads = 0
  await using edge = await startEdge({ readJob: (id) => (reads++, readJob(id)), presignGet })
  const response = await request(`${edge.url}/video/${ID}?urls=1`)
  assertProblem(response, 403, /http\.outputUrls/)
  assert.is(response.body.code, 'request.forbidden')
  assert.not.match(response.text, 'signed')
  assert.is(reads, 0)
})

test('rejects another value of urls, which would otherwise be ignored', async () => {
  await using edge = await startEdge({ config: makeConfig({ http: { outputUrls: true } }), readJob, presignGet })
  for (const value of ['', '0', 'true'])
    assertProblem(await request(`${edge.url}/video/${ID}?urls=${value}`), 400, /urls: must be 1/)
})
