import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { holdLease, type Lease } from '../../daemon/job/lease.ts'
import { createTestLog } from '../helpers/context.ts'
import {
  createFakeClock,
  createFakeDocuments,
  holdFakeLease,
  JOB,
  rejection,
  source,
  transient,
} from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const BEAT = 15_000
const HOLD = 50_000

const unavailable = async (): Promise<never> => {
  throw transient()
}
const isLost = (error: unknown) => error instanceof MediadError && error.code === 'lease.lost'
const lost = (lease: Lease) => lease.signal.aborted && isLost(lease.signal.reason)

const test = suite('lease')

test('writes a heartbeat every quarter of the lease, which changes only rev and nonce', async () => {
  const { clock, documents, lease, claimed } = holdFakeLease()
  await clock.advance(BEAT - 1)
  assert.is(documents.written.length, 0)
  await clock.advance(1)
  assert.is(documents.written.length, 1)
  await clock.advance(9 * BEAT)
  assert.is(documents.written.length, 10)
  const { rev, nonce, ...rest } = lease.document
  const { rev: _, nonce: __, ...first } = claimed.document
  assert.equal([rev, nonce, rest], [11, 'n10', first])
  assert.not.ok(lease.signal.aborted)
  lease[Symbol.dispose]()
})

for (const [seconds, beatMs, holdMs] of [
  [6, 1500, 4000],
  [12, 3000, 10_000],
  [60, 15_000, 50_000],
  [3600, 900_000, 3_000_000],
] as const) {
  test(`gives up a lease of ${seconds} s ${holdMs / 1000} s after the last confirmed heartbeat was sent`, async () => {
    const { clock, documents, lease } = holdFakeLease({ leaseSeconds: seconds })
    await clock.advance(beatMs)
    assert.is(documents.written.length, 1)
    documents.outcomes.push(...Array.from({ length: 99 }, () => unavailable))
    await clock.advance(holdMs)
    lease.assertHeld()
    assert.not.ok(lease.signal.aborted)
    await clock.advance(100)
    assert.ok(lost(lease))
    assert.throws(() => lease.assertHeld(), isLost)
    assert.is(clock.pending(), 0)
  })
}

test('reports the loss at the next check, without waiting for a timer', () => {
  const { clock, lease } = holdFakeLease()
  const start = clock.now()
  clock.now = () => start + HOLD
  lease.assertHeld()
  clock.now = () => start + HOLD + 1 // as if the process had been frozen: no timer has run
  assert.throws(() => lease.assertHeld(), isLost)
  assert.ok(lost(lease))
})

test('counts from the time when a heartbeat was sent, not from its response', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.outcomes.push(
    async () => clock.wait(30_000).then(() => undefined),
    ...Array.from({ length: 4 }, () => unavailable),
  )
  await clock.advance(BEAT + 30_000)
  assert.is(documents.written.length, 1)
  await clock.advance(HOLD - 30_000)
  lease.assertHeld()
  await clock.advance(100)
  assert.ok(lost(lease))
})

test('emits written and missed heartbeats, and the loss once', async () => {
  const { clock, documents, lease, events, logged } = holdFakeLease({ attempt: 2, claim: 3 })
  await clock.advance(BEAT)
  lease.report({ plugin: 'transcode', percent: 0, pluginPercent: 0 })
  documents.outcomes.push(...Array.from({ length: 99 }, () => unavailable))
  await clock.advance(HOLD + 100)
  assert.ok(lost(lease))
  const types = events.map(({ type }) => type)
  assert.equal([types.at(0), types.at(1), types.at(-1)], ['heartbeat:written', 'heartbeat:missed', 'lease:lost'])
  assert.is(types.filter((type) => type === 'lease:lost').length, 1)
  assert.is(logged.find(({ event }) => event === 'lease.lost')?.plugin, 'transcode', 'names the plugin that ran')
  assert.equal(events[0], { type: 'heartbeat:written', id: JOB, key: source.key, attempt: 2, claim: 3 })
  const error = { code: 'transient.storage', message: 'S3 is unavailable', verdict: 'retry' }
  assert.equal(events[1], { ...events[0], type: 'heartbeat:missed', error })
})

test('tolerates and logs transient errors', async () => {
  const { clock, documents, lease, logged } = holdFakeLease()
  documents.outcomes.push(unavailable, unavailable)
  await clock.advance(2 * BEAT)
  assert.is(documents.written.length, 1)
  assert.is(logged.filter(({ level, event }) => level === 'warn' && event === 'heartbeat.missed').length, 2)
  await clock.advance(HOLD - 1)
  assert.not.ok(lease.signal.aborted)
  lease[Symbol.dispose]()
})

test('repeats a failed heartbeat before the usual interval has passed', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.outcomes.push(unavailable)
  await clock.advance(BEAT)
  assert.is(documents.written.length, 0)
  await clock.advance(BEAT / 2)
  assert.is(documents.written.length, 1)
  await clock.advance(BEAT / 2)
  assert.is(documents.written.length, 1, 'then the usual interval applies')
  lease[Symbol.dispose]()
})

test('loses the lease at once when a heartbeat is rejected', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.outcomes.push(async () => null)
  await clock.advance(BEAT)
  assert.ok(lost(lease))
  assert.throws(() => lease.assertHeld(), isLost)
  assert.ok(isLost(await rejection(lease.confirm())))
  assert.ok(isLost(await rejection(lease.end({ state: 'succeeded' }))))
  await clock.advance(10 * BEAT)
  assert.is(documents.written.length, 0)
  assert.is(clock.pending(), 0)
})

test('writes a heartbeat in confirm, which renews the lease', async () => {
  const { clock, documents, lease } = holdFakeLease()
  await clock.advance(1000)
  await lease.confirm()
  assert.is(documents.written.length, 1)
  documents.outcomes.push(...Array.from({ length: 9 }, () => unavailable))
  await clock.advance(HOLD)
  lease.assertHeld()
  lease[Symbol.dispose]()
})

test('throws in confirm when the lease is lost or S3 is unavailable', async () => {
  const { documents, lease } = holdFakeLease()
  documents.outcomes.push(unavailable, async () => null)
  assert.is((await rejection(lease.confirm())).code, 'transient.storage')
  assert.not.ok(lease.signal.aborted)
  assert.ok(isLost(await rejection(lease.confirm())))
  assert.ok(lost(lease))
})

test('never overlaps writes', async () => {
  const { clock, documents, lease } = holdFakeLease()
  let open = 0
  let most = 0
  const slow = async () => {
    most = Math.max(most, ++open)
    await clock.wait(100)
    open--
    return undefined
  }
  documents.outcomes.push(slow, slow, slow, slow)
  const all = [lease.confirm(), lease.confirm(), lease.confirm(), lease.end({ state: 'succeeded' })]
  await clock.advance(1000)
  await Promise.all(all)
  assert.equal([most, documents.written.length], [1, 4])
  assert.equal(
    documents.written.map(({ rev, state }) => [rev, state]),
    [
      [2, 'processing'],
      [3, 'processing'],
      [4, 'processing'],
      [5, 'succeeded'],
    ],
  )
})

test('aborts a request without a response in time for the next', async () => {
  const clock = createFakeClock()
  const documents = createFakeDocuments(clock)
  const aborted = Promise.withResolvers<unknown>()
  const hang: typeof documents.write = (_, __, signal) =>
    new Promise((_, reject) => {
      // the timeout of a request does not keep the process alive, so the test does
      const keepAlive = setInterval(() => undefined, 1000)
      signal?.addEventListener('abort', () => {
        clearInterval(keepAlive)
        aborted.resolve(signal.reason)
        reject(signal.reason as Error)
      })
    })
  const deps = { claimed: documents.claimed(), leaseSeconds: 6, emit: () => undefined, log: createTestLog(), clock }
  const lease = holdLease({ ...deps, documents: { ...documents, write: hang } })
  const error = await rejection(lease.confirm())
  assert.is((error as MediadError).code, 'transient.storage')
  assert.is((error as MediadError).cause, await aborted.promise)
  assert.not.ok(lease.signal.aborted)
  lease[Symbol.dispose]()
})

test('stops all timers on disposal, and writes nothing', async () => {
  const { clock, documents, lease } = holdFakeLease()
  assert.ok(clock.pending() > 0)
  lease[Symbol.dispose]()
  await clock.advance(10 * BEAT)
  assert.equal([documents.written.length, clock.pending(), lease.signal.aborted], [0, 0, false])
})
