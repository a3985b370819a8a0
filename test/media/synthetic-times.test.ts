import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf } from './measure.ts'
import { addRows, type Table } from './rows.ts'
import { readSignals } from './sync.ts'
import { rates, synced } from './synthetic/times.ts'
import { film, type Row } from './table.ts'

const plain = (more: Omit<Extract<Row['expect'], { size: unknown }>, 'size'> = {}): Row => film(160, 90, more)

/** Flashes and beeps are where a player of the source shows them, counted from its beginning: within 50 ms. */
const keepsSync: Table['also'] = async ({ path, ran }) => {
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

const asTheyAre = Object.keys(synced).map((name) => [name, plain()] as const)

addRows(suite('times told in every way', { timeoutSeconds: 60 }), {
  makers: synced,
  rows: Object.fromEntries(asTheyAre),
  also: keepsSync,
})

addRows(suite('strange rates', { timeoutSeconds: 60 }), {
  makers: rates,
  rows: {
    'one-a-second.mp4': plain(),
    'one-a-second.avi': plain(),
    'thousand.mp4': film(64, 48),
    'thousand.mkv': film(64, 48),
    'one-frame.mp4': plain({ sound: false, ssim: 0.97 }),
    'one-frame.mkv': plain({ sound: false, ssim: 0.97 }),
  },
  also: async (made) => {
    if (!made.name.startsWith('one-frame')) await keepsSync(made)
  },
})
