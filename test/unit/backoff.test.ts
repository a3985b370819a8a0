import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MAX_BACKOFF_SECONDS, toBackoffSeconds } from '../../daemon/protocol/backoff.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('backoff')
const most = () => 1 - Number.EPSILON

test('the span doubles with every attempt, up to 15 minutes', () => {
  const spans = [1, 2, 3, 4, 8, 9, 100, 5000].map((attempt) => toBackoffSeconds(attempt, 5, most))
  assert.equal(spans, [5, 10, 20, 40, 640, 900, 900, 900])
  assert.is(toBackoffSeconds(1, 900, most), MAX_BACKOFF_SECONDS)
})

test('the pause is a random share of the span', () => {
  assert.is(
    toBackoffSeconds(3, 5, () => 0.5),
    10,
  )
  assert.is(
    toBackoffSeconds(3, 5, () => 0.26),
    6,
  )
})

test('never less than a second, but a base of 0 is no pause', () => {
  assert.is(
    toBackoffSeconds(1, 5, () => 0),
    1,
  )
  assert.is(toBackoffSeconds(1, 0, most), 0)
})

test('attempts that are none count as the first', () => {
  assert.is(toBackoffSeconds(0, 5, most), 5)
  assert.is(toBackoffSeconds(-3, 5, most), 5)
})

test('always a whole number of seconds from 1 to 900', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 900 }), (attempt, base) => {
      const seconds = toBackoffSeconds(attempt, base)
      assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= Math.min(900, base * 2 ** (attempt - 1)))
    }),
  )
})

test('no base is no pause, however often it was tried', () => {
  for (const attempt of [1, 5, 100]) assert.is(toBackoffSeconds(attempt, 0), 0)
})
