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

/** A plugin that uploads the MD5 of the file that it received. */
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

/** Returns a video followed by an empty box of one MiB. */
async function createPaddedVideo(): Promise<Buffer> {
  const box = Buffer.alloc(1024 ** 2)
  box.writeUInt32BE(box.length)
  box.write('free', 4)
  return Buffer.concat([await tinyVideo(), box])
}

rest('S1: a fifth of all calls fail with 500 or 503: every job succeeds', async () => {
  await using bench = await startBench(quick)
  const { proxy } = bench.first
  const random = createRandom(20260801)
  // without polls, whose number depends on the machine
  const countCalls = () => proxy.calls.filter(({ op }) => op !== 'ReceiveMessage').length
  const before = countCalls()
  const internal = proxy.fault({ on: () => random() < 0.1, do: 'respond', status: 500, code: 'InternalError' })
  const slowDown = proxy.fault({ on: () => random() < 0.1, do: 'respond', status: 503, code: 'SlowDown' })
  const keys = ['a', 'b', 'c', 'd', 'e'].map((name) => `origin_${name}.mp4`)
  for (const key of keys) await bench.upload(key, await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.ok(internal.hits + slowDown.hits >= 10, 'too few faults for a meaningful test')
  assert.ok(countCalls() - before < 600, `${countCalls() - before} calls for five jobs`)
})

/** Returns a generator of the same random numbers in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

row('S2: the download breaks twice: it is resumed, and complete', async () => {
  await using bench = await startBench(digest)
  const { proxy } = bench.first
  proxy.fault({ on: isGet, times: 1, do: 'resetBody', afterBytes: 100_000 })
  proxy.fault({ on: isGet, times: 1, do: 'truncate', afterBytes: 200_000 })
  const etag = await bench.upload('origin_a.mp4', await createPaddedVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  assert.is((await bench.cloud.get('digest_a.txt')).toString(), etag)
  const ranges = proxy.calls.filter(isGet).map(({ headers }) => headers.range ?? 'all')
  assert.is(ranges.length, 3)
  assert.match(ranges[2] ?? '', /^bytes=\d+-$/)
})

row.exhaustive('S2: a download that never completes fails the job: nothing truncated reaches the plugins', async () => {
  await using bench = await startBench(digest)
  bench.first.proxy.fault({ on: isGet, do: 'resetBody', afterBytes: 1000 })
  await bench.upload('origin_a.mp4', await createPaddedVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const document = await bench.document('origin_a.mp4')
  assert.equal(
    document?.history.map(({ error }) => error.code),
    ['transient.download', 'transient.download', 'transient.download'],
  )
})

rest('S4: a stalled download is aborted and resumed', async () => {
  await using bench = await startBench(digest)
  const stalled = bench.first.proxy.fault({ on: isGet, times: 1, do: 'stallBody', afterBytes: 100_000 })
  const etag = await bench.upload('origin_a.mp4', await createPaddedVideo())
  await bench.waitUntilIdle() // a stalled download is aborted after 30 s
  await bench.checkInvariants()
  assert.is(stalled.hits, 1)
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  assert.is((await bench.cloud.get('digest_a.txt')).toString(), etag)
})

rest('S7: 409 on conditional writes of the document and the output: read and written again', async () => {
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

row.exhaustive(
  'the reply to every conditional write is lost: the winner gets 412, and recognizes its own write',
  async () => {
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
    assert.ok(lost.hits >= 4, `${lost.hits} replies were lost, not those of claim, heartbeats, output and end`)
    const document = await bench.document('origin_a.mp4')
    assert.equal([document?.attempt, document?.claim], [1, 1])
  },
)

rest('S12: a source deleted while its job waits: one attempt, then dead with input.source_gone', async () => {
  await using bench = await startBench({ ...quick, daemons: 0 })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'origin_a.mp4' }))
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const document = await bench.document('origin_a.mp4')
  assert.equal([document?.error?.code, document?.attempt], ['input.source_gone', 1])
})

rest('S13: under an output key, an earlier object of the job is replaced, a foreign one never', async () => {
  await using bench = await startBench(quick)
  const ours = { 'mediad-job': getJobId('origin_a.mp4'), 'mediad-claim': '1', 'mediad-upload': 'another' }
  const put = { Bucket: BUCKET, Key: 'note_a.txt', Body: 'from an earlier attempt', Metadata: ours }
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
  ['a document of a newer version', JSON.stringify({ version: 99, id: getJobId('origin_a.mp4'), state: 'elsewhere' })],
  ['half a document', '{"version":1,"id":"'],
  ['five megabytes of text', 'x'.repeat(5 * 1024 ** 2)],
]

for (const [what, text] of unreadable) {
  rest(`S17: ${what} under the document's key is not overwritten, and the job waits`, async () => {
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

rest(
  'S15: access to the outputs is denied: intake pauses, no attempt is used, and all jobs finish once it is granted',
  async () => {
    await using bench = await startBench({ ...quick, daemons: 0 })
    const member = await bench.start(shortenReleaseDelay)
    const denied = member.proxy.fault({ on: named('PUT output'), do: 'respond', status: 403, code: 'AccessDenied' })
    const keys = Array.from({ length: 12 }, (_, n) => `origin_${n}.mp4`)
    for (const key of keys) await bench.upload(key, await tinyVideo())
    await member.daemon.waitFor(({ event, queue }) => event === 'circuit.tripped' && queue === 'work')
    await until('the daemon is not ready', async () => (await getReadyStatus(member)) === 503)
    await until('uploads were tried again', () => denied.hits >= 4)
    denied.off()
    const startsBefore = bench.countEvents('job.started')
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    // two slots, and a pause after each failure
    assert.ok(startsBefore <= 2 * denied.hits, `${startsBefore} jobs were started without success`)
    for (const key of keys) assert.is((await bench.document(key))?.attempt, 1)
  },
)

row(
  'S16: the credentials expire while a job runs, and are renewed: the job continues in its first attempt',
  async () => {
    // the lease is longer than the row, so only a rejected heartbeat can end it
    await using bench = await startBench({ ...gated, more: toJobConfig({ leaseSeconds: 600 }) })
    const { proxy } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    await until('the job is running', () => proxy.calls.some(isHeartbeat))
    const expiresAt = proxy.calls.length
    const expired = proxy.fault({
      on: ({ service }) => service === 's3',
      do: 'respond',
      status: 400,
      code: 'ExpiredToken',
    })
    await until('a heartbeat was rejected', () => proxy.calls.slice(expiresAt).some(isHeartbeat))
    await until('the daemon is not ready', async () => (await getReadyStatus(bench.first)) === 503)
    const renewedAt = proxy.calls.length
    expired.off()
    await until('a heartbeat succeeded', () => proxy.calls.slice(renewedAt).some(isHeartbeat))
    await bench.openGate()
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    const document = await bench.document('origin_a.mp4')
    assert.equal([document?.attempt, document?.claim], [1, 1])
  },
)

rest('S18: a source with a reported size of five terabytes is rejected before its download', async () => {
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

row.exhaustive('S18: an empty source is rejected before its download', async () => {
  await using bench = await startBench(quick)
  await bench.upload('origin_a.mp4', '')
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_a.mp4'] })
  const { error, attempt } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([error?.code, attempt], ['input.empty', 1])
  assert.is(bench.first.proxy.calls.filter(isGet).length, 0)
})
