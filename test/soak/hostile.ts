/**
 * `npm run soak:http -- --seconds 20 [--attack pipelined]`: attacks the endpoint on loopback, one attack after another, each for some seconds, while
 * a client with a token goes on requesting. Prints the memory of the endpoint and how it answered. Exits with 1 when a response
 * to the client is not 200, or when the memory after an attack is more than 128 MiB above that before the first.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '20' }, attack: { type: 'string', default: '' } },
})
const MIB = 1024 * 1024
const GROWTH_BYTES = 128 * MIB
const TOKEN = 't'.repeat(32)
const seconds = Number(values.seconds)

const POST = 'POST /video/pre-signed-url HTTP/1.1\r\nHost: a\r\n'
const AUTHORIZED = `${POST}Authorization: Bearer ${TOKEN}\r\n`
const bomb = gzipSync(Buffer.alloc(10 * MIB))

/** What each attack sends on a new connection, and what it goes on sending until the endpoint closes the connection. */
type Attack = {
  readonly name: string
  readonly connections: number
  readonly first: string | Buffer
  readonly more?: string
  readonly everyMs?: number
  readonly reads?: boolean
}

const attacks: readonly Attack[] = [
  { name: 'connections that send nothing', connections: 3000, first: '' },
  { name: 'slow headers', connections: 3000, first: 'GET /', more: 'a', everyMs: 1000 },
  {
    name: 'slow bodies',
    connections: 1000,
    first: `${AUTHORIZED}Content-Length: 16000\r\n\r\n`,
    more: 'a',
    everyMs: 1000,
  },
  {
    name: 'endless chunked bodies',
    connections: 20,
    first: `${AUTHORIZED}Transfer-Encoding: chunked\r\n\r\n`,
    more: `10000\r\n${'x'.repeat(65_536)}\r\n`,
  },
  {
    name: 'bodies of 1 TB by their length',
    connections: 20,
    first: `${AUTHORIZED}Content-Length: 1000000000000\r\n\r\n`,
    more: 'x'.repeat(65_536),
  },
  {
    name: 'bodies without a token',
    connections: 20,
    first: `${POST}Content-Length: 1000000000000\r\n\r\n`,
    more: 'x'.repeat(65_536),
  },
  {
    name: 'compressed bodies',
    connections: 20,
    first: Buffer.concat([
      Buffer.from(`${AUTHORIZED}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\nConnection: close\r\n\r\n`),
      bomb,
    ]),
  },
  {
    name: 'headers of 16 KB and more',
    connections: 20,
    first: `GET / HTTP/1.1\r\nHost: a\r\n`,
    more: `X-${'y'.repeat(60)}: ${'z'.repeat(60)}\r\n`,
  },
  {
    name: 'pipelined requests, responses unread',
    connections: 20,
    first: '',
    more: 'GET /video/x HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200),
    reads: false,
  },
  {
    name: 'wrong tokens',
    connections: 20,
    first: `${POST}Authorization: Bearer ${'w'.repeat(32)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  },
  { name: 'invalid requests', connections: 20, first: 'nonsense\r\n\r\n' },
]

const child = fork(join(import.meta.dirname, 'hostile-server.ts'), [TOKEN], {
  execArgv: ['--conditions=source', '--expose-gc'],
})
const [{ port }] = (await once(child, 'message')) as [{ port: number }]
const client = startClient(port)
await delay(3000)
const before = await measure(child)
console.log(`before: ${toMib(before.rss)} MiB (heap ${toMib(before.heapUsed)} MiB)`)
let failed = false
for (const attack of attacks.filter(({ name }) => name.includes(values.attack))) {
  const { opened, closed, statuses, peak, cpuSeconds } = await run(attack)
  const { slowestMs, count, failures } = client.take()
  await until(async () => (await measure(child)).rss < before.rss + GROWTH_BYTES, 40)
  const after = await measure(child)
  failed ||= failures > 0 || after.rss > before.rss + GROWTH_BYTES
  console.log(
    `${attack.name}: ${opened} connections, ${closed} closed by the endpoint, ${JSON.stringify(statuses)}; ` +
      `memory at most ${toMib(peak)} MiB, then ${toMib(after.rss)} MiB (heap ${toMib(after.heapUsed)} MiB); CPU ${((100 * cpuSeconds) / seconds).toFixed(0)} %; ` +
      `client: ${count} requests, ${failures} failed, slowest ${slowestMs.toFixed(0)} ms`,
  )
}
client.stop()
child.kill()
process.exitCode = failed ? 1 : 0

function toMib(bytes: number): string {
  return (bytes / MIB).toFixed(0)
}

type Memory = { rss: number; heapUsed: number; cpuSeconds: number }

async function measure(process: ChildProcess): Promise<Memory> {
  process.send('measure')
  const [memory] = (await once(process, 'message')) as [Memory]
  return memory
}

/** Keeps the connections of an attack open, replaces those that are closed, and samples the memory. */
async function run({ connections, first, more, everyMs, reads = true }: Attack) {
  const state = { opened: 0, closed: 0, statuses: {} as Record<string, number>, peak: 0, cpuSeconds: 0 }
  let isOver = false
  const sockets = new Set<net.Socket>()
  const open = () => {
    if (isOver) return
    state.opened++
    const socket = net.connect(port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => undefined)
    let timer: NodeJS.Timeout | undefined
    const flood = () => {
      if (more === undefined || everyMs !== undefined) return
      while (!socket.destroyed && socket.writable && socket.write(more));
    }
    socket.on('connect', () => {
      socket.write(first)
      if (more !== undefined && everyMs !== undefined) timer = setInterval(() => socket.write(more), everyMs)
      flood()
    })
    socket.on('drain', flood)
    if (reads)
      socket.on('data', (data: Buffer) => {
        const status = /^HTTP\/1\.1 (\d{3})/.exec(data.toString('latin1'))?.[1]
        if (status !== undefined) state.statuses[status] = (state.statuses[status] ?? 0) + 1
      })
    socket.on('close', () => {
      clearInterval(timer)
      sockets.delete(socket)
      if (isOver) return
      state.closed++
      setTimeout(open, 5)
    })
  }
  const start = await measure(child)
  for (let n = 0; n < connections; n++) open()
  for (let n = 0; n < seconds * 2; n++) {
    await delay(500)
    state.peak = Math.max(state.peak, (await measure(child)).rss)
  }
  isOver = true
  state.cpuSeconds = (await measure(child)).cpuSeconds - start.cpuSeconds
  for (const socket of sockets) socket.destroy()
  return state
}

/** A client that behaves well: one request after another. */
function startClient(target: number) {
  const state = { isOver: false }
  let [count, failures, slowestMs] = [0, 0, 0]
  const loop = async () => {
    while (!state.isOver) {
      const at = performance.now()
      const init = { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, body: '{}' }
      const status = await fetch(`http://127.0.0.1:${target}/video/pre-signed-url`, init).then(
        async (response) => (await response.text(), response.status),
        () => 0,
      )
      count++
      if (status !== 200) failures++
      slowestMs = Math.max(slowestMs, performance.now() - at)
      await delay(110)
    }
  }
  void loop()
  return {
    take() {
      const taken = { count, failures, slowestMs }
      ;[count, failures, slowestMs] = [0, 0, 0]
      return taken
    },
    stop: () => (state.isOver = true),
  }
}

async function until(condition: () => Promise<boolean>, tries: number): Promise<void> {
  for (let n = 0; n < tries && !(await condition()); n++) await delay(500)
}
