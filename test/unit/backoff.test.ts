import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MAX_BACKOFF_SECONDS, toBackoffSeconds, toRacePauseMs } from '../../daemon/protocol/backoff.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('backoff')
const highest = () => 1 - Number.EPSILON

test('doubles the longest pause with every attempt, up to 15 minutes', () => {
  const longest = [1, 2, 3, 4, 8, 9, 100, 5000].map((attempt) => toBackoffSeconds(attempt, 5, highest))
  assert.equal(longest, [5, 10, 20, 40, 640, 900, 900, 900])
  assert.is(toBackoffSeconds(1, 900, highest), MAX_BACKOFF_SECONDS)
})

test('pauses for a random fraction of the longest pause', () => {
  assert.is(
    toBackoffSeconds(3, 5, () => 0.5),
    10,
  )
  assert.is(
    toBackoffSeconds(3, 5, () => 0.26),
    6,
  )
})

test('pauses for at least one second, but not at all with a base of 0', () => {
  assert.is(
    toBackoffSeconds(1, 5, () => 0),
    1,
  )
  assert.is(toBackoffSeconds(1, 0, highest), 0)
})

test('treats an attempt below 1 as the first', () => {
  assert.is(toBackoffSeconds(0, 5, highest), 5)
  assert.is(toBackoffSeconds(-3, 5, highest), 5)
})

test('returns an integer from 1 to 900', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 900 }), (attempt, base) => {
      const seconds = toBackoffSeconds(attempt, base)
      assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= Math.min(900, base * 2 ** (attempt - 1)))
    }),
  )
})

test('does not pause with a base of 0, at any attempt', () => {
  for (const attempt of [1, 5, 100]) assert.is(toBackoffSeconds(attempt, 0), 0)
})

test('doubles the pause after a lost race with every attempt, up to its maximum, with full jitter', () => {
  const pauses = [1, 2, 3, 4, 100].map((attempt) => toRacePauseMs(attempt, 1000, () => 1))
  assert.equal(pauses, [200, 400, 800, 1000, 1000])
  assert.is(
    toRacePauseMs(3, 5000, () => 0.25),
    200,
  )
  for (let attempt = 1; attempt < 50; attempt++) {
    const pause = toRacePauseMs(attempt, 5000)
    assert.ok(pause >= 0 && pause < 5000)
  }
})
