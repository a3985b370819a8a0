import * as assert from 'uvu/assert'
import { createSkewWatch } from '../../daemon/storage/skew.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('skew')

const HERE = Date.parse('2026-11-25T09:00:00Z')
function prepare() {
  const lines: LoggedLine[] = []
  let now = HERE
  const watch = createSkewWatch(createTestLog(lines), () => now)
  /** S3's clock differs by so much, and takes so long to answer. */
  const look = (skewSeconds: number, tookSeconds = 0) => {
    const askedAt = now
    now += tookSeconds * 1000
    watch({ date: new Date(now + skewSeconds * 1000).toUTCString(), askedAt })
  }
  return { lines, watch, look }
}

test('clocks that differ are named once, with the direction, until they agree again', () => {
  const { lines, look } = prepare()
  for (const seconds of [0, 29, -600, -601, 2, -1, 600]) look(seconds)
  assert.equal(
    lines.map(({ level, event, skewSeconds }) => [level, event, skewSeconds]),
    [
      ['warn', 'clock.skewed', 600],
      ['info', 'clock.recovered', undefined],
      ['warn', 'clock.skewed', -600],
    ],
  )
})

test('an answer that took long, or came while the process was frozen, is no skew', () => {
  const { lines, look } = prepare()
  look(0, 300)
  look(-290, 300)
  assert.equal(lines, [])
})

test('an answer without a date says nothing', () => {
  const { lines, watch } = prepare()
  watch({ date: undefined, askedAt: HERE })
  watch({ date: 'tomorrow', askedAt: HERE })
  assert.equal(lines, [])
})
