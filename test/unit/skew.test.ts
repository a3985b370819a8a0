import * as assert from 'uvu/assert'
import { createSkewWatch } from '../../daemon/storage/skew.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('skew')

const START = Date.parse('2026-11-25T09:00:00Z')
function prepare() {
  const lines: LoggedLine[] = []
  let now = START
  const watch = createSkewWatch(createTestLog(lines), () => now)
  /** Receives a response after `durationSeconds` from an S3 whose clock is ahead by `skewSeconds`. */
  const respond = (skewSeconds: number, durationSeconds = 0) => {
    const sentAt = now
    now += durationSeconds * 1000
    watch({ date: new Date(now + skewSeconds * 1000).toUTCString(), sentAt })
  }
  return { lines, watch, respond }
}

test('logs a skew once with its direction, and once when the clocks agree again', () => {
  const { lines, respond } = prepare()
  for (const seconds of [0, 29, -600, -601, 2, -1, 600]) respond(seconds)
  assert.equal(
    lines.map(({ level, event, skewSeconds }) => [level, event, skewSeconds]),
    [
      ['warn', 'clock.skewed', 600],
      ['info', 'clock.recovered', undefined],
      ['warn', 'clock.skewed', -600],
    ],
  )
})

test('a slow response, or one that arrived while the process was frozen, does not count as skew', () => {
  const { lines, respond } = prepare()
  respond(0, 300)
  respond(-290, 300)
  assert.equal(lines, [])
})

test('ignores a response without a valid date', () => {
  const { lines, watch } = prepare()
  watch({ date: undefined, sentAt: START })
  watch({ date: 'tomorrow', sentAt: START })
  assert.equal(lines, [])
})
