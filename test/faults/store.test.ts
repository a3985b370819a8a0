import * as assert from 'uvu/assert'
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { PurgeQueueCommand } from '@aws-sdk/client-sqs'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { readErrorCode } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { gateCode } from '../helpers/gate.ts'
import { toDocumentPath, shortenReleaseDelay, getJobId, getReadyStatus, toJobConfig } from './setup.ts'
import { isHeartbeat, type Call } from './calls.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'

const row = runInParallel(suite('store faults', { timeoutSeconds: ROW_SECONDS }))
const rest = row.exhaustive

const quick = { code: noteCode, chain: '[note(), upload()]' }
const gated = { code: gateCode + noteCode, chain: '[gate(), note(), upload()]' }
const named = (name: string) => (call: Call) => call.name === name
const isGet = named('GET source')

/** Says what came through: the size and the hash of the file the plugins got. */
const digest = {
  code: `
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
const digest = definePlugin('digest', z.object({}), () => ({
  keys: ['digest_{name}.txt'],
  async run({ workspace, input, add }) {
    const path = join(workspace, 'digest.txt')
    await writeFile(path, createHash('md5').update(await readFile(input)).digest('hex'))
    await add(path, 'digest', { key: 'digest_{name}.txt', contentType: 'text/plain' })
  },
}))
`,
  chain: '[digest(), upload()]',
}

/** A film with an empty box of a megabyte behind it. */
async function paddedVideo(): Promise<Buffer> {
  const box = Buffer.alloc(1024 ** 2)
  box.writeUInt32BE(box.length)
  box.write('free', 4)
  return Buffer.concat([await tinyVideo(), box])
}

row('S1: a fifth of all calls answered with 500 or 503: every job succeeds', async () => {
  await using bench = await startBench(quick)
  const { proxy } = bench.first
  const dice = createDice(20260801)
  const countCalls = () => proxy.calls.filter(({ op }) => op !== 'ReceiveMessage').length // polls take the time they take
  const before = countCalls()
  const internal = proxy.fault({ on: () => dice() < 0.1, do: 'respond', status: 500, code: 'InternalError' })
  const slowDown = proxy.fault({ on: () => dice() < 0.1, do: 'respond', status: 503, code: 'SlowDown' })
  const keys = ['a', 'b', 'c', 'd', 'e'].map((name) => `origin_${name}.mp4`)
  for (const key of keys) await bench.upload(key, await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.ok(internal.hits + slowDown.hits >= 10, 'too few faults to mean anything')
  assert.ok(countCalls() - before < 600, `${countCalls() - before} calls for five jobs`)
})

/** The same sequence in every run: mulberry32. */
function createDice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

row('S2: the source breaks off twice: taken up where it broke, and whole', async () => {
  await using bench = await startBench(digest)
  const { proxy } = bench.first
  proxy.fault({ on: isGet, times: 1, do: 'resetBody', afterBytes: 100_000 })
  proxy.fault({ on: isGet, times: 1, do: 'truncate', afterBytes: 200_000 })
  const etag = await bench.upload('origin_a.mp4', await paddedVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  assert.is((await bench.cloud.get('digest_a.txt')).toString(), etag)
  const ranges = proxy.calls.filter(isGet).map(({ headers }) => headers.range ?? 'all')
  assert.is(ranges.length, 3)
  assert.match(ranges[2] ?? '', /^bytes=\d+-$/)
})

row.exhaustive('S2: a source that never comes is no source: nothing truncated reaches the plugins', async () => {
  await using bench = await startBench(digest)
  bench.first.proxy.fault({ on: isGet, do: 'resetBody', afterBytes: 1000 })
  await bench.upload('origin_a.mp4', await paddedVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const document = await bench.document('origin_a.mp4')
  assert.equal(
    document?.history.map(({ error }) => error.code),
    ['transient.download', 'transient.download', 'transient.download'],
  )
})

row('S4: a body that stands still is given up and taken up again', async () => {
  await using bench = await startBench(digest)
  const stalled = bench.first.proxy.fault({ on: isGet, times: 1, do: 'stallBody', afterBytes: 100_000 })
  const etag = await bench.upload('origin_a.mp4', await paddedVideo())
  await bench.waitUntilIdle() // it is given up after 30 s
  await bench.checkInvariants()
  assert.is(stalled.hits, 1)
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  assert.is((await bench.cloud.get('digest_a.txt')).toString(), etag)
})

rest('S7: 409 on conditional writes, of the document and of the output: read again, written again', async () => {
  await using bench = await startBench(quick)
  const { proxy } = bench.first
  const conflict = { times: 2, do: 'respond', status: 409, code: 'ConditionalRequestConflict' } as const
  const faults = ['PUT document', 'PUT output'].map((name) => proxy.fault({ ...conflict, on: named(name) }))
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.equal(
    faults.map(({ hits }) => hits),
    [2, 2],
  )
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
})

row.exhaustive('the reply to every conditional write is lost: the winner is told 412, and knows better', async () => {
  await using bench = await startBench(gated)
  let heartbeats = 0
  const lost = bench.first.proxy.fault({
    on: ({ conditional }) => conditional,
    do: 'dropReply',
    when: ({ status }) => status < 300,
    act: (call) => void (heartbeats += isHeartbeat(call) ? 1 : 0),
  })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('the reply to a heartbeat was lost', () => heartbeats > 0)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.ok(lost.hits >= 4, `${lost.hits} replies were lost; claim, heartbeats, output and end should be`)
  const document = await bench.document('origin_a.mp4')
  assert.equal([document?.attempt, document?.claim], [1, 1])
})

row('S12: a source deleted while it waits: one attempt, buried as gone', async () => {
  await using bench = await startBench({ ...quick, daemons: 0 })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'origin_a.mp4' }))
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const document = await bench.document('origin_a.mp4')
  assert.equal([document?.error?.code, document?.attempt], ['input.source_gone', 1])
})

rest('S13: what lies under an output key: an earlier object of the job is replaced, a foreign one never', async () => {
  await using bench = await startBench(quick)
  const ours = { 'mediad-job': getJobId('origin_a.mp4'), 'mediad-claim': '1', 'mediad-upload': 'another' }
  const put = { Bucket: BUCKET, Key: 'note_a.txt', Body: 'of an earlier attempt', Metadata: ours }
  await bench.cloud.s3.send(new PutObjectCommand(put))
  await bench.cloud.put('note_b.txt', 'foreign')
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.upload('origin_b.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_b.mp4'], foreign: ['note_b.txt'] })
  assert.is((await bench.document('origin_b.mp4'))?.error?.code, 'output.exists')
  assert.is((await bench.cloud.get('note_b.txt')).toString(), 'foreign')
})

const unreadable: [string, string][] = [
  ['a newer version', JSON.stringify({ version: 99, id: getJobId('origin_a.mp4'), state: 'elsewhere' })],
  ['half a document', '{"version":1,"id":"'],
  ['five megabytes of text', 'x'.repeat(5 * 1024 ** 2)],
]

for (const [what, text] of unreadable) {
  rest(`S17: ${what} under the document's key is left alone, and the job waits`, async () => {
    await using bench = await startBench(quick)
    const { daemon, proxy } = bench.first
    const path = toDocumentPath('origin_a.mp4')
    const etag = await bench.cloud.put(path, text)
    await bench.upload('origin_a.mp4', await tinyVideo())
    await daemon.waitFor((entry) => readErrorCode(entry) === 'internal.document')
    assert.is((await bench.cloud.get(path)).toString(), text)
    assert.is(proxy.calls.filter(named('PUT document')).length, 0, `written over ${etag}`)
    await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: path }))
    await bench.waitUntilIdle()
    await bench.checkInvariants()
  })
}

row(
  'S15: access to the outputs is denied: the intake stops, no attempt is lost, and all is done once it is granted',
  async () => {
    await using bench = await startBench({ ...quick, daemons: 0 })
    const member = await bench.start(shortenReleaseDelay)
    const denied = member.proxy.fault({ on: named('PUT output'), do: 'respond', status: 403, code: 'AccessDenied' })
    const keys = Array.from({ length: 12 }, (_, n) => `origin_${n}.mp4`)
    for (const key of keys) await bench.upload(key, await tinyVideo())
    await member.daemon.waitFor(({ event, queue }) => event === 'circuit.tripped' && queue === 'work')
    await until('it is not ready', async () => (await getReadyStatus(member)) === 503)
    await until('it has tried again', () => denied.hits >= 4)
    denied.off()
    const startsBefore = bench.countEvents('job.started')
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    // two slots at a time, and a pause after each try
    assert.ok(startsBefore <= 2 * denied.hits, `${startsBefore} jobs were started in vain`)
    for (const key of keys) assert.is((await bench.document(key))?.attempt, 1)
  },
)

row('S16: the credentials expire while a job runs, and are renewed: it goes on, in its first attempt', async () => {
  // a lease that outlasts the row: only a heartbeat that is refused can end it
  await using bench = await startBench({ ...gated, more: toJobConfig({ leaseSeconds: 600 }) })
  const { proxy } = bench.first
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('it works on the job', () => proxy.calls.some(isHeartbeat))
  const expiresAt = proxy.calls.length
  const expired = proxy.fault({
    on: ({ service }) => service === 's3',
    do: 'respond',
    status: 400,
    code: 'ExpiredToken',
  })
  await until('a heartbeat was refused', () => proxy.calls.slice(expiresAt).some(isHeartbeat))
  await until('it is not ready', async () => (await getReadyStatus(bench.first)) === 503)
  const renewedAt = proxy.calls.length
  expired.off()
  await until('a heartbeat got through', () => proxy.calls.slice(renewedAt).some(isHeartbeat))
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const document = await bench.document('origin_a.mp4')
  assert.equal([document?.attempt, document?.claim], [1, 1])
})

rest('S18: a source that claims five terabytes is refused before anything of it is fetched', async () => {
  await using bench = await startBench({ ...quick, daemons: 0 })
  const etag = await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.cloud.sqs.send(new PurgeQueueCommand({ QueueUrl: bench.cloud.local.queueUrls.work }))
  await bench.send('work', toNotificationBody({ bucket: BUCKET, key: 'origin_a.mp4', etag, sizeBytes: 5 * 1024 ** 4 }))
  const { proxy } = await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const { error, attempt } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([error?.code, attempt], ['input.too_large', 1])
  assert.is(proxy.calls.filter(isGet).length, 0)
})

row.exhaustive('S18: an empty source is refused before anything of it is fetched', async () => {
  await using bench = await startBench(quick)
  await bench.upload('origin_a.mp4', '')
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const { error, attempt } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([error?.code, attempt], ['input.empty', 1])
  assert.is(bench.first.proxy.calls.filter(isGet).length, 0)
})
