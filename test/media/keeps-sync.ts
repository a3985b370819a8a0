import * as assert from 'uvu/assert'
import { measure, spanOf } from './measure.ts'
import type { Table } from './rows.ts'
import { readSignals } from './sync.ts'

/** Flashes and beeps are where a player of the source shows them, counted from its beginning: within 50 ms. */
export const keepsSync: NonNullable<Table['also']> = async ({ path, ran }) => {
  const made = ran?.outputs[0]?.path ?? ''
  const [now, before, source] = await Promise.all([readSignals(made), readSignals(path), measure(path)])
  const origin = Math.min(...source.streams.map(({ index }) => spanOf(source, index)?.first ?? Infinity))
  for (const kind of ['flashes', 'beeps'] as const) {
    const wanted = before[kind].map((seconds) => seconds - origin)
    assert.ok(wanted.length > 0, `the source has ${kind}`)
    assert.is(now[kind].length, wanted.length, kind)
    const off = wanted.map((seconds, n) => Math.abs((now[kind][n] ?? 0) - seconds))
    assert.ok(Math.max(...off) <= 0.05, `${kind} at ${now[kind].join()}, not at ${wanted.join()}`)
  }
}
