import * as assert from 'uvu/assert'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { errorCodes, MediadError } from '../../daemon/vocabulary/errors.ts'
import { isShared } from '../../daemon/protocol/fault.ts'
import { createBrake } from '../../daemon/schedule/circuit-breaker.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock, turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('brake')

function prepare() {
  const clock = createFakeClock()
  const stop = new AbortController()
  const logged: LoggedLine[] = []
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const brake = createBrake({ name: 'work', clock, stop: stop.signal, emit, log: createTestLog(logged) })
  const isFree = async () => {
    let free = false
    void brake.wait().then(() => (free = true))
    await turn()
    return free
  }
  return { brake, clock, stop, logged, events, isFree }
}

test('nothing waits while all is well', async () => {
  const { brake, isFree } = prepare()
  assert.ok(await isFree())
  assert.is(brake.problem(), null)
})

test('pulled, it holds for a pause that grows, at most 30 s for messages and 5 min for jobs', async () => {
  for (const [by, longest] of [
    ['message', 30],
    ['job', 300],
  ] as const) {
    const { brake, clock, isFree } = prepare()
    const pauses: number[] = []
    for (let n = 0; n < 40; n++) {
      brake.pull(by, new Error('no'))
      assert.not.ok(await isFree())
      let seconds = 0
      for (; !(await isFree()); seconds++) await clock.advance(1000)
      pauses.push(seconds)
    }
    assert.ok(Math.max(...pauses) <= longest, String(pauses))
    assert.ok(Math.max(...pauses.slice(20)) > longest / 2, String(pauses))
    assert.is(pauses[0], 1)
  }
})

test('what fails together is one failure', async () => {
  const { brake, clock, isFree, logged, events } = prepare()
  for (let n = 0; n < 10; n++) brake.pull('message', new Error('no'))
  await clock.advance(1000)
  assert.ok(await isFree())
  assert.is(logged.length, 1)
  brake.loosen('message')
  brake.loosen('message')
  const error = { code: 'transient.queue', message: 'no', verdict: 'retry' }
  assert.equal(events, [
    { type: 'circuit:tripped', queue: 'work', by: 'message', error, pauseSeconds: 1 },
    { type: 'circuit:reset', queue: 'work' },
  ])
})

test('a message that works says nothing about jobs', async () => {
  const { brake } = prepare()
  brake.pull('job', new Error('denied'))
  brake.loosen('message')
  assert.is(brake.problem(), 'denied')
  brake.loosen('job')
  assert.is(brake.problem(), null)
})

test('stopping ends the pause', async () => {
  const { brake, stop } = prepare()
  brake.pull('message', new Error('no'))
  const waiting = brake.wait()
  stop.abort()
  await waiting
})

test('what is one job’s own trouble holds nobody up', () => {
  const held = Object.keys(errorCodes).filter((code) => isShared(new MediadError(code, '')))
  assert.equal(held.toSorted(), [
    'access.denied',
    'config.ffmpeg',
    'config.queue',
    'config.storage',
    'resource.workspace',
    'transient.queue',
    'transient.storage',
  ])
})
