import * as assert from 'uvu/assert'
import { createEventParser } from '../../daemon/client/jobs/events.ts'
import { createClient, type ClientOptions } from '../../daemon/client/index.ts'
import { errorOf, fail, retry, small } from '../helpers/client.ts'
import { problem, startFakeMediad, type FakeMediad } from '../helpers/fake-mediad.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('client jobs')

let server: FakeMediad
test.beforeEach(async () => void (server = await startFakeMediad()))
test.afterEach(async () => server[Symbol.asyncDispose]())

const connect = (options: Partial<ClientOptions> = {}) => createClient({ endpoint: server.url, retry, ...options })

test('job returns a job, or null', async () => {
  server.jobs.set('a', { id: 'a' })
  server.jobs.set('k&y', { id: 'b' })
  assert.equal(await connect().job('a'), { id: 'a' } as never)
  assert.equal(await connect().job({ key: 'k&y' }, { urls: true }), { id: 'b' } as never)
  assert.is(await connect().job('c', { urls: true }), null)
  const paths = server.requests.map(({ url }) => url.pathname + url.search)
  assert.equal(paths, ['/video/a', '/video?key=k%26y&urls=1', '/video/c?urls=1'])
})

test('jobs returns a page, and iterates over all pages', async () => {
  server.before = ({ route, url }) => {
    if (route !== 'jobs') return undefined
    const at = Number(url.searchParams.get('cursor') ?? 0)
    const body = { jobs: [{ id: `${at}a` }, { id: `${at}b` }], cursor: at < 2 ? String(at + 1) : null }
    return { status: 200, body }
  }
  const { jobs, cursor } = await connect().jobs({ limit: 2, cursor: '1' })
  assert.equal([jobs.map(({ id }) => id), cursor], [['1a', '1b'], '2'])
  const ids: string[] = []
  for await (const { id } of connect().jobs({ limit: 2 })) ids.push(id)
  assert.equal(ids, ['0a', '0b', '1a', '1b', '2a', '2b'])
  assert.is(server.requests.at(-1)?.url.search, '?limit=2&cursor=2')
})

test('iterating over jobs ends with the error of a page', async () => {
  server.before = () => problem(501, 'job.too_many')
  const iterator = connect().jobs()[Symbol.asyncIterator]()
  assert.is((await errorOf(iterator.next())).code, 'job.too_many')
  assert.is(server.requests.length, 1)
})

test('fileUrl encodes the segments of a key', () => {
  const url = createClient({ endpoint: 'https://media.example.com/api/' }).fileUrl({ id: 'a' }, 'b c/d?.m3u8')
  assert.is(url, 'https://media.example.com/api/video/a/files/b%20c/d%3F.m3u8')
})

test('an endpoint that is not a URL of HTTP is refused at once', () => {
  for (const endpoint of ['media.example.com', 'localhost:3000', ''])
    assert.throws(
      () => createClient({ endpoint }),
      (error: Error) => error instanceof TypeError,
    )
})

test('a response that is not from mediad is an error with its status', async () => {
  fail(server, {
    job: [
      { status: 200, body: '<html>' },
      { status: 418, body: '<html>' },
    ],
  })
  assert.equal(toCodes(await errorOf(connect().job('a'))), ['client.response', 200])
  assert.equal(toCodes(await errorOf(connect().job('a'))), ['client.response', 418])
})

const toCodes = ({ code, status }: Record<string, unknown>) => [code, status]

test('an error of the callback for headers is passed on', async () => {
  const reason = new Error('signed out')
  const client = connect({ headers: () => Promise.reject(reason) })
  assert.is(await errorOf(client.job('a')), reason as never)
})

test('a request can be aborted', async () => {
  const controller = new AbortController()
  server.before = () => new Promise(() => {})
  const requested = connect().job('a', { signal: controller.signal })
  await until('it has arrived', () => server.requests.length === 1)
  controller.abort()
  assert.is((await errorOf(requested)).name, 'AbortError')
})

test('a client that is offline waits, without counting failures, and removes its listener', async () => {
  const listeners = new Set<() => void>()
  const browser = globalThis as { addEventListener?: unknown; removeEventListener?: unknown }
  const original = [browser.addEventListener, browser.removeEventListener]
  browser.addEventListener = (_: string, listener: () => void) => listeners.add(listener)
  browser.removeEventListener = (_: string, listener: () => void) => listeners.delete(listener)
  Object.defineProperty(navigator, 'onLine', { value: false, configurable: true })
  try {
    let failures = 0
    server.before = ({ route }) => (route === 'put' && failures++ < 10 ? 'cut' : undefined)
    const uploading = connect({ retry: { attempts: 1, maxSeconds: 1e5 } }).upload(small()).done
    for (let cut = 1; cut <= 10; cut++) {
      await until('it waits', () => failures === cut && listeners.size > 0)
      for (const listener of listeners) listener()
    }
    await uploading
    assert.is(listeners.size, 0)
  } finally {
    Object.assign(browser, { addEventListener: original[0], removeEventListener: original[1] })
    Reflect.deleteProperty(navigator, 'onLine')
  }
})

test('parses a stream, however it is divided', () => {
  const text =
    ': comment\r\nretry: 1500\rid: 1\r\nevent: started\r\ndata: {"a":\r\ndata:1}\r\n\r\ndata\n\nid: a\0b\nretry: x\nevent: none\n\ndata: b\n\ndata: lost'
  const expected = [
    { type: 'started', data: '{"a":\n1}' },
    { type: 'message', data: '' },
    { type: 'message', data: 'b' },
  ]
  for (const size of [1, 2, 3, 7, text.length]) {
    const position = { lastEventId: '', retrySeconds: 2 }
    const parse = createEventParser(position)
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
    assert.equal(pieces.flatMap(parse), expected, `pieces of ${size}`)
    assert.equal(position, { lastEventId: '1', retrySeconds: 1.5 })
  }
})
