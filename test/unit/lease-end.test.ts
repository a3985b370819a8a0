import * as assert from 'uvu/assert'
import { holdFakeLease, rejection, transient, turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const BEAT = 15_000
const HOLD = 50_000

const unavailable = async (): Promise<never> => {
  throw transient()
}

const test = suite('lease: progress and end')

test('writes progress at most every 2 s, and later progress with the next write', async () => {
  const { clock, documents, lease } = holdFakeLease()
  for (let percent = 1; percent <= 95; percent++) {
    lease.report({ plugin: 'transcode', percent })
    await clock.advance(100)
  }
  const percents = documents.written.map(({ progress }) => progress.percent)
  assert.equal(percents, [21, 41, 61, 81])
  lease.report({ plugin: 'transcode', percent: 95 })
  await clock.advance(BEAT - 1600)
  assert.is(lease.document.progress.percent, 95)
  lease[Symbol.dispose]()
})

test('does not write progress that has not changed', async () => {
  const { clock, documents, lease } = holdFakeLease()
  await clock.advance(5000)
  lease.report({ plugin: null, percent: 0 })
  await turn()
  assert.is(documents.written.length, 0)
  lease.report({ plugin: 'thumbnail', percent: 0 })
  await turn()
  assert.equal(lease.document.progress, { plugin: 'thumbnail', percent: 0 })
  lease[Symbol.dispose]()
})

test('writes once at the end, with the last progress, and no heartbeat after it', async () => {
  const { clock, documents, lease } = holdFakeLease()
  lease.report({ plugin: 'upload', percent: 100 })
  await lease.end({ state: 'succeeded' })
  await clock.advance(10 * BEAT)
  assert.is(documents.written.length, 1)
  const { state, progress, owner } = lease.document
  assert.equal([state, progress, owner], ['succeeded', { plugin: 'upload', percent: 100 }, 'host/1'])
  assert.not.ok(lease.signal.aborted)
  assert.is(clock.pending(), 0)
})

test('does not write progress that is reported after the end', async () => {
  const { clock, documents, lease } = holdFakeLease()
  await lease.end({ state: 'released', owner: null })
  await clock.advance(5000)
  lease.report({ plugin: 'transcode', percent: 50 })
  await turn()
  assert.is(documents.written.length, 1)
})

test('does not write progress that is reported after disposal', async () => {
  const { clock, documents, lease } = holdFakeLease()
  lease[Symbol.dispose]()
  await clock.advance(5000)
  lease.report({ plugin: 'transcode', percent: 50 })
  await turn()
  assert.is(documents.written.length, 0)
})

test('repeats the final write while the lease holds', async () => {
  const { clock, documents, lease, logged } = holdFakeLease()
  documents.outcomes.push(unavailable, unavailable, unavailable)
  const ended = lease.end({ state: 'succeeded' })
  await clock.advance(HOLD - 1)
  await ended
  assert.equal(
    documents.written.map(({ state }) => state),
    ['succeeded'],
  )
  assert.is(logged.filter(({ level }) => level === 'warn').length, 3)
})

test('loses the lease when the final write fails for too long, after several tries', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.outcomes.push(...Array.from({ length: 99 }, () => unavailable))
  const ended = rejection(lease.end({ state: 'succeeded' }))
  await clock.advance(HOLD + BEAT)
  assert.is((await ended).code, 'lease.lost')
  assert.ok(lease.signal.aborted)
  const tries = 99 - documents.outcomes.length
  assert.ok(tries >= 5 && tries <= 30, `${tries} tries`)
  assert.is(clock.pending(), 0)
})

test('waits for a running heartbeat before the final write', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.outcomes.push(async () => clock.wait(1000).then(() => undefined))
  await clock.advance(BEAT)
  const ended = lease.end({ state: 'failed' })
  await clock.advance(1000)
  await ended
  assert.equal(
    documents.written.map(({ state }) => state),
    ['processing', 'failed'],
  )
})
