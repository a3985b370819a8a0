import * as assert from 'uvu/assert'
import { createDocuments } from '../../daemon/job/documents.ts'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import type { Outcome, Selection } from '../../daemon/operate/dead.ts'
import { createJobs } from '../../daemon/operate/jobs.ts'
import { createRequeue } from '../../daemon/operate/requeue.ts'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { createFakeQueues, createFakeStorage, document, route } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const scope = { bucket: 'media', routes: [route] as const }
const limits = { attempts: 3, leaseSeconds: 60, recheckSeconds: 30 }

/** Creates one job per document: `origin_0.mp4`, `origin_1.mp4`, … */
function prepare(...documents: (Partial<JobDocument> & { ageSeconds?: number })[]) {
  const storage = createFakeStorage()
  const queues = createFakeQueues(storage.calls)
  const keys: string[] = []
  for (const [n, { ageSeconds = 0, ...is }] of documents.entries()) {
    const key = `origin_${n}.mp4`
    const id = toJobId('media', key)
    const source = { bucket: 'media', key, etag: `etag${n}`, sizeBytes: 10 }
    const path = `.mediad/jobs/${id}.json`
    keys.push(path)
    storage.put(path, JSON.stringify(document({ id, source, ...is })))
    const written = storage.objects.get(path)
    if (written) storage.objects.set(path, { ...written, at: written.at - ageSeconds * 1000 })
  }
  async function* list() {
    yield keys.map((key) => ({ key, modifiedAt: new Date(0) }))
  }
  const jobs = createJobs({
    list,
    documents: createDocuments({ storage, prefix: '.mediad/' }),
    bucket: 'media',
    statePrefix: '.mediad/',
  })
  const requeue = createRequeue({ jobs, queues, storage, scope, limits })
  const run = async (selection: Selection = {}): Promise<Outcome[]> => {
    const outcomes: Outcome[] = []
    for await (const outcome of requeue(selection)) outcomes.push(outcome)
    return outcomes
  }
  const sent = () =>
    queues.work.sent.map(({ body }) => {
      const notification = parseNotification(body, scope)
      return notification.kind === 'sources'
        ? notification.sources.map(({ source: { key, etag } }) => `${key} ${etag}`).join()
        : ''
    })
  return { run, sent, storage, queues }
}

const test = suite('requeue')

test('sends all unfinished jobs that no daemon is processing, and no others', async () => {
  const { run, sent } = prepare(
    { state: 'processing', ageSeconds: 61 },
    { state: 'processing', ageSeconds: 60 },
    { state: 'failed' },
    { state: 'released', owner: null },
    { state: 'succeeded' },
    { state: 'dead', owner: null },
  )
  const outcomes = await run()
  assert.equal(sent(), ['origin_0.mp4 etag0', 'origin_2.mp4 etag2', 'origin_3.mp4 etag3'])
  assert.equal(
    outcomes.map(({ key, done }) => [key, done]),
    [0, 2, 3].map((n) => [`origin_${n}.mp4`, true]),
  )
})

test('sends one job by key or id, or explains why it needs no message', async () => {
  const { run, sent } = prepare({ state: 'failed' }, { state: 'processing', owner: 'somebody' }, { state: 'succeeded' })
  assert.ok((await run({ name: 'origin_0.mp4' }))[0]?.done)
  assert.ok((await run({ name: toJobId('media', 'origin_0.mp4') }))[0]?.done)
  assert.match((await run({ name: 'origin_1.mp4' }))[0]?.detail ?? '', 'being processed by somebody')
  assert.match((await run({ name: 'origin_2.mp4' }))[0]?.detail ?? '', 'succeeded')
  assert.equal(sent(), ['origin_0.mp4 etag0', 'origin_0.mp4 etag0'])
})

test('sends a source without a document as a new upload, and nothing for other names', async () => {
  const { run, sent, storage } = prepare()
  const etag = storage.put('origin_new.mp4', 'video')
  storage.put('cvted_new.mp4', 'result')
  assert.ok((await run({ name: 'origin_new.mp4' }))[0]?.done)
  for (const name of ['cvted_new.mp4', 'origin_none.mp4', 'f'.repeat(32)]) assert.not.ok((await run({ name }))[0]?.done)
  assert.equal(sent(), [`origin_new.mp4 ${etag}`])
})

test('reports a document that cannot be read, and sends the others', async () => {
  const { run, sent, storage } = prepare({ state: 'failed' }, { state: 'failed' })
  storage.put(`.mediad/jobs/${toJobId('media', 'origin_0.mp4')}.json`, '{"version":99}')
  const outcomes = await run()
  assert.equal(
    outcomes.map(({ done }) => done),
    [false, true],
  )
  assert.equal(sent(), ['origin_1.mp4 etag1'])
})
