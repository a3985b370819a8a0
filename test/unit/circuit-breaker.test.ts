import * as assert from 'uvu/assert'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { errorCodes, MediadError } from '../../daemon/vocabulary/errors.ts'
import { isShared } from '../../daemon/protocol/fault.ts'
import { createCircuitBreaker } from '../../daemon/schedule/circuit-breaker.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock, turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('circuit breaker')

function prepare() {
  const clock = createFakeClock()
  const stop = new AbortController()
  const logged: LoggedLine[] = []
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const breaker = createCircuitBreaker({ name: 'work', clock, stop: stop.signal, emit, log: createTestLog(logged) })
  const isFree = async () => {
    let free = false
    void breaker.wait().then(() => (free = true))
    await turn()
    return free
  }
  return { breaker, clock, stop, logged, events, isFree }
}

test('does not pause before it is tripped', async () => {
  const { breaker, isFree } = prepare()
  assert.ok(await isFree())
  assert.is(breaker.problem(), null)
})

test('pauses longer with every trip, at most 30 s for messages and 5 min for jobs', async () => {
  for (const [by, longest] of [
    ['message', 30],
    ['job', 300],
  ] as const) {
    const { breaker, clock, isFree } = prepare()
    const pauses: number[] = []
    for (let n = 0; n < 40; n++) {
      breaker.trip(by, new Error('no'))
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

test('counts concurrent failures as one', async () => {
  const { breaker, clock, isFree, logged, events } = prepare()
  for (let n = 0; n < 10; n++) breaker.trip('message', new Error('no'))
  await clock.advance(1000)
  assert.ok(await isFree())
  assert.is(logged.length, 1)
  breaker.reset('message')
  breaker.reset('message')
  const error = { code: 'transient.queue', message: 'no', verdict: 'retry' }
  assert.equal(events, [
    { type: 'circuit:tripped', queue: 'work', by: 'message', error, pauseSeconds: 1 },
    { type: 'circuit:reset', queue: 'work' },
  ])
})

test('a successful message does not reset a fault of jobs', async () => {
  const { breaker } = prepare()
  breaker.trip('job', new Error('denied'))
  breaker.reset('message')
  assert.is(breaker.problem(), 'denied')
  breaker.reset('job')
  assert.is(breaker.problem(), null)
})

test('ends the pause when the daemon stops', async () => {
  const { breaker, stop } = prepare()
  breaker.trip('message', new Error('no'))
  const waiting = breaker.wait()
  stop.abort()
  await waiting
})

test('is tripped only by errors that every job would have', () => {
  const shared = Object.keys(errorCodes).filter((code) => isShared(new MediadError(code, '')))
  assert.equal(shared.toSorted(), [
    'access.denied',
    'config.ffmpeg',
    'config.queue',
    'config.storage',
    'resource.workspace',
    'transient.queue',
    'transient.storage',
  ])
})
