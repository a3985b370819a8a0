import * as assert from 'uvu/assert'
import { holdFakeLease, rejection, transient, turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const BEAT = 15_000
const HOLD = 50_000

const away = async (): Promise<never> => {
  throw transient()
}

const test = suite('lease: progress and end')

test('progress is written at most every 2 s, and what came between goes with the next', async () => {
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

test('progress that does not move is not written', async () => {
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

test('end writes once, with the last progress, and no heartbeat follows', async () => {
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

test('progress that is reported after the end is not written', async () => {
  const { clock, documents, lease } = holdFakeLease()
  await lease.end({ state: 'released', owner: null })
  await clock.advance(5000)
  lease.report({ plugin: 'transcode', percent: 50 })
  await turn()
  assert.is(documents.written.length, 1)
})

test('progress that is reported after the disposal is not written', async () => {
  const { clock, documents, lease } = holdFakeLease()
  lease[Symbol.dispose]()
  await clock.advance(5000)
  lease.report({ plugin: 'transcode', percent: 50 })
  await turn()
  assert.is(documents.written.length, 0)
})

test('end tries again while the lease holds', async () => {
  const { clock, documents, lease, logged } = holdFakeLease()
  documents.answers.push(away, away, away)
  const ended = lease.end({ state: 'succeeded' })
  await clock.advance(HOLD - 1)
  await ended
  assert.equal(
    documents.written.map(({ state }) => state),
    ['succeeded'],
  )
  assert.is(logged.filter(({ level }) => level === 'warn').length, 3)
})

test('end that does not get through in time is lost, and was tried more than a few times', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.answers.push(...Array.from({ length: 99 }, () => away))
  const ended = rejection(lease.end({ state: 'succeeded' }))
  await clock.advance(HOLD + BEAT)
  assert.is((await ended).code, 'lease.lost')
  assert.ok(lease.signal.aborted)
  const tries = 99 - documents.answers.length
  assert.ok(tries >= 5 && tries <= 30, `${tries} tries`)
  assert.is(clock.pending(), 0)
})

test('end waits for a heartbeat that is under way, and writes over it', async () => {
  const { clock, documents, lease } = holdFakeLease()
  documents.answers.push(async () => clock.wait(1000).then(() => undefined))
  await clock.advance(BEAT)
  const ended = lease.end({ state: 'failed' })
  await clock.advance(1000)
  await ended
  assert.equal(
    documents.written.map(({ state }) => state),
    ['processing', 'failed'],
  )
})
