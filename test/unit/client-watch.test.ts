import * as assert from 'uvu/assert'
import {
  createClient,
  JobDeadError,
  type ClientOptions,
  type Job,
  type JobTarget,
  type WatchOptions,
} from '../../daemon/client/index.ts'
import { errorOf, retry } from '../helpers/client.ts'
import { problem, startFakeMediad, type FakeMediad, type Fault } from '../helpers/fake-mediad.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('client watch')

let server: FakeMediad
test.beforeEach(async () => void (server = await startFakeMediad()))
test.afterEach(async () => server[Symbol.asyncDispose]())

const connect = (options: Partial<ClientOptions> = {}) => createClient({ endpoint: server.url, retry, ...options })
const job = (change: object = {}) => ({ id: 'a', state: 'processing', attempt: 1, outputs: [], error: null, ...change })
const succeeded = job({ state: 'succeeded' })
const dead = job({ state: 'dead', error: { code: 'input.not_media', message: 'not a media file' } })
const event = (type: string, data: object, id = type) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`
const fast = 'retry: 1\n\n'
const quick: WatchOptions = { pollSeconds: 0.001 }

/** Answers each connection to a stream with the next of these; the last one stays. */
function script(...streams: (Fault | undefined)[]): void {
  let next = 0
  server.before = ({ route }) => (route === 'events' ? streams[Math.min(next++, streams.length - 1)] : undefined)
}

async function collect(target: JobTarget, options: WatchOptions = quick): Promise<[type: string, state: string][]> {
  const events: [string, string][] = []
  for await (const { type, job } of connect().watch(target, options)) events.push([type, job.state])
  return events
}

const ids = () =>
  server.requests.flatMap(({ route, headers }) => (route === 'events' ? [headers['last-event-id']] : []))

test('reports the events of a stream until the job has ended', async () => {
  script({ pieces: [fast, event('started', job()), event('outputs', succeeded), event('succeeded', succeeded)] })
  assert.equal(await collect('a'), [
    ['started', 'processing'],
    ['outputs', 'succeeded'],
    ['succeeded', 'succeeded'],
  ])
  assert.is(server.requests.length, 1)
  assert.is(server.requests[0]?.headers.accept, 'text/event-stream')
})

test('follows a job by its id or by its key, with the headers of the client', async () => {
  script({ pieces: [event('succeeded', succeeded)] })
  const client = connect({ headers: () => ({ authorization: 'Bearer a' }) })
  for (const target of ['a', { id: 'a' }, { key: 'x/ä.mp4' }, { id: 'a', key: 'b' }]) await client.wait(target)
  assert.equal(
    server.requests.map(({ url, headers }) => [url.pathname + url.search, headers.authorization]),
    ['/video/a/events', '/video/a/events', '/video/events?key=x%2F%C3%A4.mp4', '/video/events?key=b'].map((path) => [
      path,
      'Bearer a',
    ]),
  )
})

test('a stream that ends early is opened again after the last event', async () => {
  script(
    { pieces: [fast, event('started', job(), '7')] },
    { pieces: [': nothing new\n\n'] },
    { pieces: [event('dead', dead)] },
  )
  assert.equal(await collect('a'), [
    ['started', 'processing'],
    ['dead', 'dead'],
  ])
  assert.equal(ids(), [undefined, '7', '7'])
})

test('a server that restarts is found again, however long it takes', async () => {
  script({ pieces: [fast, event('started', job())], isOpen: true }, { pieces: [event('succeeded', succeeded)] })
  let failures = 0
  const client = connect({
    async fetch(...args) {
      try {
        return await fetch(...args)
      } catch (error) {
        if (++failures === 3 * retry.attempts) await server.start()
        throw error
      }
    },
  })
  const events: string[] = []
  for await (const { type } of client.watch('a', quick)) {
    events.push(type)
    if (type === 'started') await server.stop()
  }
  assert.equal(events, ['started', 'succeeded'])
  assert.is(server.openStreams(), 0)
})

test('an endpoint that cannot be reached from the start is an error', async () => {
  await server.stop()
  assert.is((await errorOf(collect('a'))).code, 'client.network')
})

for (const [name, fault] of Object.entries<Fault>({
  'has no streams': problem(404, 'request.not_found'),
  'is behind a proxy without streams': { status: 200, headers: { 'content-type': 'application/json' }, body: {} },
  'has too many streams': problem(503, 'request.streams', { 'retry-after': '10' }),
}))
  test(`polls when the endpoint ${name}`, async () => {
    script(fault)
    const states: Job[] = [
      job({ state: 'queued' }),
      job({ state: 'queued' }),
      job(),
      job({ progress: { percent: 1 } }),
      job({ state: 'released' }),
      job({ attempt: 2 }),
      job({ state: 'failed' }),
      dead,
    ] as never
    const answer = server.before
    server.before = (request) => {
      const next = request.route === 'job' ? states.shift() : undefined
      if (next) server.jobs.set('a', next)
      return answer(request)
    }
    assert.equal(
      (await collect('a')).map(([type]) => type),
      ['queued', 'started', 'progress', 'queued', 'started', 'failed', 'dead'],
    )
    assert.is(server.count('events'), 1)
  })

test('waits for a job that no daemon has claimed yet', async () => {
  script(problem(404, 'job.not_found'), problem(404, 'job.not_found'), { pieces: [event('succeeded', succeeded)] })
  assert.is((await connect().wait('a', quick)).state, 'succeeded')
})

test('a job that does not appear in time is an error', async () => {
  for (const answer of [problem(404, 'job.not_found'), problem(404, 'request.not_found')]) {
    script(answer)
    const error = await errorOf(collect('a', { missingSeconds: 0, ...quick }))
    assert.equal([error.code, error.status], ['job.not_found', 404])
  }
})

test('wait rejects with the error of a dead job', async () => {
  script({ pieces: [event('dead', dead)] })
  const error = await errorOf(connect().wait({ key: 'k' }))
  assert.instance(error, JobDeadError)
  assert.equal([error.name, error.code, error.detail], ['JobDeadError', 'input.not_media', 'not a media file'])
  assert.equal(error.job, dead)
})

test('a client that is not authorized gets the error at once', async () => {
  script(problem(401, 'request.unauthorized'))
  assert.is((await errorOf(collect('a'))).status, 401)
  assert.is(server.requests.length, 1)
})

test('a signal ends a stream, and so does leaving the loop', async () => {
  script({ pieces: [event('started', job())], isOpen: true })
  const controller = new AbortController()
  const reason = new Error('enough')
  const error = await errorOf(
    (async () => {
      for await (const { type } of connect().watch('a', { signal: controller.signal }))
        if (type === 'started') controller.abort(reason)
    })(),
  )
  assert.is(error, reason as never)
  for await (const { type } of connect().watch('a')) if (type === 'started') break
  await until('the streams are closed', () => server.openStreams() === 0)
  assert.is(server.count('events'), 2)
})

test('a signal ends a wait that is pausing or polling, or has not begun', async () => {
  script(problem(404, 'request.not_found'))
  server.jobs.set('a', job())
  const controller = new AbortController()
  const waiting = connect().wait('a', { signal: controller.signal, pollSeconds: 1e5 })
  await until('it polls', () => server.count('job') === 1)
  controller.abort()
  assert.is((await errorOf(waiting)).name, 'AbortError')
  assert.is((await errorOf(connect().wait('a', { signal: controller.signal }))).name, 'AbortError')
  assert.is(server.count('events'), 1)
})
