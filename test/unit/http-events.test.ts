import net from 'node:net'
import * as assert from 'uvu/assert'
import { createStreams } from '../../daemon/http/jobs/stream/streams.ts'
import { createWatches } from '../../daemon/http/jobs/stream/watch.ts'
import { toJobId, type JobDocument, type SeenDocument } from '../../daemon/vocabulary/job.ts'
import { assertProblem, makeConfig, makeDocument, request, startEdge } from '../helpers/edge.ts'
import { openEvents, type EventReader } from '../helpers/event-stream.ts'
import { createFakeClock, transient } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('http: events of jobs')

const KEY = 'origin_a.mp4'
const ID = toJobId('media', KEY)
const SECOND = 1_000

const base = (change: Partial<JobDocument> = {}) => makeDocument(ID, { error: null, outputs: [], ...change })
const running = (rev: number, percent: number) =>
  base({ state: 'processing', rev, progress: { plugin: 'transcode', percent } })
const outputs = makeDocument(ID).outputs
const succeeded = (rev: number) => base({ state: 'succeeded', rev, outputs })

const untilTypes = (events: EventReader, types: string) => until(`events: ${types}`, () => events.types() === types)

const from = (address: string) => ({ 'x-forwarded-for': address })

/** Starts the endpoint with one document, whose reads are counted, and a clock that the test moves. */
async function startStatus(first: JobDocument | null, options: { http?: object; upload?: boolean } = {}) {
  const clock = createFakeClock()
  const state = { document: first, fails: false, reads: [] as string[] }
  const read = async (_: string, known: string | null): Promise<SeenDocument | null | 'unchanged'> => {
    state.reads.push(known ?? 'all')
    if (state.fails) throw transient()
    const { document } = state
    if (document === null) return null
    const etag = `etag${document.rev}`
    return etag === known ? 'unchanged' : { document, etag, ageSeconds: 0 }
  }
  const config = makeConfig({ http: options.http ?? {} })
  const watches = createWatches({ read, clock })
  const streams = createStreams({ max: config.http.streams, maxPerClient: config.http.streamsPerClient, clock })
  const edge = await startEdge({
    config,
    watches,
    streams,
    readJob: async (id) => (id === ID ? state.document : null),
    findSource: async (key) => (options.upload && key === KEY ? { sizeBytes: 7 } : null),
  })
  const url = `${edge.url}/video/${ID}/events`
  const byKey = `${edge.url}/video/events?key=${KEY}`
  const [close, dispose] = [edge.close, edge[Symbol.asyncDispose]]
  return { edge, url, byKey, state, clock, watches, streams, close, [Symbol.asyncDispose]: dispose }
}

test('sends each change of a job, ends after the last, and tells a client that reconnects that this was the end', async () => {
  await using status = await startStatus(running(1, 0))
  await using events = await openEvents(status.url)
  assert.is(events.response.status, 200)
  assert.match(events.response.headers.get('content-type') ?? '', /^text\/event-stream/)
  assert.is(events.response.headers.get('cache-control'), 'no-store')
  await untilTypes(events, 'started')
  assert.match(events.text(), /^retry: 2000\n\nevent: started\nid: .+\ndata: \{.+\}\n\n$/)
  status.state.document = running(2, 40)
  await status.clock.advance(SECOND)
  await untilTypes(events, 'started progress')
  status.state.document = succeeded(3)
  await status.clock.advance(SECOND)
  await events.ended
  assert.is(events.types(), 'started progress playable outputs succeeded')
  const [first, , , , last] = events.events()
  const current = await request(`${status.edge.url}/video/${ID}`)
  assert.equal(last?.data, current.body)
  assert.is(status.streams.count() + status.watches.count() + status.clock.pending(), 0)

  await using again = await openEvents(status.url, { 'last-event-id': last?.id ?? '' })
  assert.equal([again.response.status, again.response.body], [204, null])
  await using resumed = await openEvents(status.url, { 'last-event-id': first?.id ?? '' })
  await resumed.ended
  assert.is(resumed.types(), 'playable outputs succeeded')
})

test('follows an upload by its key before the job exists, a failed attempt and a redrive', async () => {
  await using status = await startStatus(null, { upload: true })
  await using events = await openEvents(status.byKey)
  await untilTypes(events, 'queued')
  assert.is(events.events()[0]?.data.state, 'queued')
  for (const [document, type] of [
    [running(1, 0), 'started'],
    [base({ rev: 2 }), 'failed'],
    [base({ rev: 3, claim: 4, state: 'processing' }), 'started'],
    [base({ rev: 4, claim: 4, state: 'dead' }), 'dead'],
  ] as const) {
    status.state.document = document
    await status.clock.advance(5 * SECOND)
    await until(`an event ${type}`, () => events.types().endsWith(type))
  }
  await events.ended
  assert.is(events.types(), 'queued started failed started dead')

  status.state.document = base({ rev: 5, claim: 4, state: 'dead', redrivenAt: '2026-01-01T00:00:00.000Z' })
  await using again = await openEvents(status.byKey, { 'last-event-id': events.events().at(-1)?.id ?? '' })
  await untilTypes(again, 'queued')
  status.state.document = base({ rev: 6, claim: 5, state: 'processing' })
  await status.clock.advance(5 * SECOND)
  await untilTypes(again, 'queued started')
})

test('responds to a missing job, a missing upload, HEAD and POST as the other routes of jobs do', async () => {
  await using status = await startStatus(null)
  assertProblem(await request(status.url), 404, /no job/)
  assertProblem(await request(status.byKey), 404, /no upload/)
  assertProblem(await request(`${status.edge.url}/video/events`), 400, /^key: /)
  assertProblem(await request(`${status.edge.url}/video/events?key=cvted_a.mp4`), 404, /no upload/)
  for (const method of ['HEAD', 'POST']) {
    const response = await fetch(status.url, { method })
    assert.equal([response.status, response.headers.get('allow')], [405, 'GET'])
    await response.text()
  }
  assert.is(status.streams.count(), 0)
})

test('shares one conditional read among all clients, and reads less often while nothing changes', async () => {
  await using status = await startStatus(running(1, 0))
  const clients = await Promise.all(Array.from({ length: 20 }, () => openEvents(status.url)))
  await Promise.all(clients.map((client) => untilTypes(client, 'started')))
  assert.is(status.watches.count(), 1)
  await status.clock.advance(60 * SECOND)
  const { reads } = status.state
  assert.is(reads[0], 'all')
  assert.ok(reads.slice(1).every((known) => known === 'etag1'))
  assert.ok(reads.length >= 12 && reads.length <= 17, String(reads.length)) // a pause of 1 s grows to 5 s
  for (const client of clients) await client.close()
  await until('streams are opened or closed', () => status.watches.count() === 0)
  const before = reads.length
  await status.clock.advance(60 * SECOND)
  assert.is(reads.length, before)
})

test('goes on after a storage that failed in the meantime, and tells the client', async () => {
  await using status = await startStatus(running(1, 0))
  await using events = await openEvents(status.url)
  await untilTypes(events, 'started')
  status.state.fails = true
  await status.clock.advance(10 * SECOND)
  await until('a comment arrives', () => events.text().includes('\n: the storage does not respond'))
  status.state.fails = false
  status.state.document = running(2, 80)
  await status.clock.advance(5 * SECOND)
  await untilTypes(events, 'started progress')
  assert.is(events.text().split(': the storage').length, 2)
})

test('ends the stream of a job whose document is deleted', async () => {
  await using status = await startStatus(running(1, 0))
  await using events = await openEvents(status.url)
  await untilTypes(events, 'started')
  status.state.document = null
  await status.clock.advance(SECOND)
  await events.ended
  assert.match(events.text(), /\n: the job no longer exists\n\n$/)
})

test('sends a comment every 15 s', async () => {
  await using status = await startStatus(running(1, 0))
  await using events = await openEvents(status.url)
  await untilTypes(events, 'started')
  await status.clock.advance(15 * SECOND)
  await until('a comment arrives', () => events.text().endsWith('\n\n:\n\n'))
  await status.clock.advance(15 * SECOND)
  await until('a comment arrives', () => events.text().endsWith('\n\n:\n\n:\n\n'))
})

test('limits the streams of a client, and of all clients', async () => {
  const http = { streams: 3, streamsPerClient: 2, trustProxy: ['127.0.0.1'] }
  await using status = await startStatus(running(1, 0), { http })
  const first = await openEvents(status.url, from('198.51.100.1'))
  await using second = await openEvents(status.url, from('198.51.100.1'))
  const refused = await request(status.url, { headers: from('198.51.100.1') })
  assertProblem(refused, 429, /2 open streams/)
  assert.equal([refused.body.code, refused.headers.get('retry-after')], ['request.streams', '10'])
  await using other = await openEvents(status.url, from('198.51.100.2'))
  const full = await request(status.url, { headers: from('198.51.100.3') })
  assertProblem(full, 503)
  assert.equal([full.body.code, full.headers.get('retry-after')], ['request.streams', '10'])
  await first.close()
  await until('streams are opened or closed', () => status.streams.count() === 2)
  await using third = await openEvents(status.url, from('198.51.100.1'))
  assert.equal(
    [second, other, third].map(({ response }) => response.status),
    [200, 200, 200],
  )
})

test('clients of a proxy on this machine that is not trusted share only the limit of all', async () => {
  await using status = await startStatus(running(1, 0), { http: { streams: 2, streamsPerClient: 1 } })
  await using first = await openEvents(status.url)
  await using second = await openEvents(status.url)
  assert.equal([first.response.status, second.response.status], [200, 200])
  assertProblem(await request(status.url), 503)
})

test('the endpoint closes at once with open streams, whose clients see an end', async () => {
  await using status = await startStatus(running(1, 0))
  const clients = await Promise.all(Array.from({ length: 5 }, () => openEvents(status.url)))
  await Promise.all(clients.map((client) => untilTypes(client, 'started')))
  await status.close()
  await Promise.all(clients.map(({ ended }) => ended))
  assert.is(status.streams.count() + status.watches.count() + status.clock.pending(), 0)
})

test('nothing is left of 200 clients that connect and go', async () => {
  await using status = await startStatus(running(1, 0), { http: { streamsPerClient: 300 } })
  for (let round = 0; round < 4; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => openEvents(status.url)))
    assert.is(status.streams.count(), 50)
    await Promise.all(clients.map((client) => client.close()))
    await until('streams are opened or closed', () => status.streams.count() === 0)
  }
  assert.is(status.watches.count() + status.clock.pending(), 0)
})

test('a client that does not read gets the current state instead of all events, and is closed after two beats', async () => {
  const large = { warnings: Array.from({ length: 100 }, () => ({ plugin: 'a', message: 'x'.repeat(4000) })) }
  await using status = await startStatus({ ...running(1, 0), ...large })
  const socket = net.connect(status.edge.port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.pause()
  socket.write(`GET /video/${ID}/events HTTP/1.1\r\nhost: a\r\n\r\n`)
  await until('streams are opened or closed', () => status.streams.count() === 1)
  const before = process.memoryUsage().arrayBuffers
  for (let rev = 2; rev < 150; rev++) {
    status.state.document = { ...running(rev, rev), ...large }
    await status.clock.advance(SECOND)
    if (status.streams.count() === 0) break
  }
  assert.is(status.streams.count(), 0)
  // 150 events of 400 KB were due; the buffers of the sockets, of Node and one chunk are what waits
  assert.ok(process.memoryUsage().arrayBuffers - before < 20e6)
  socket.resume()
  await closed
})
