import * as assert from 'uvu/assert'
import { measure, spanOf } from './measure.ts'
import type { Table } from './rows.ts'
import { readSignals } from './sync.ts'

/** Checks that flashes and beeps have the same times in output and source, from the start of each, within 50 ms. */
export const checkSync: NonNullable<Table['also']> = async ({ path, result }) => {
  const output = result?.outputs[0]?.path ?? ''
  const [actual, original, source] = await Promise.all([readSignals(output), readSignals(path), measure(path)])
  const origin = Math.min(...source.streams.map(({ index }) => spanOf(source, index)?.first ?? Infinity))
  for (const kind of ['flashes', 'beeps'] as const) {
    const expected = original[kind].map((seconds) => seconds - origin)
    assert.ok(expected.length > 0, `the source has ${kind}`)
    assert.is(actual[kind].length, expected.length, kind)
    const offsets = expected.map((seconds, n) => Math.abs((actual[kind][n] ?? 0) - seconds))
    assert.ok(Math.max(...offsets) <= 0.05, `${kind} at ${actual[kind].join()}, expected ${expected.join()}`)
  }
}
