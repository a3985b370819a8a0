import { suite } from '../helpers/suite.ts'
import { keepsSync } from './keeps-sync.ts'
import { addRows } from './rows.ts'
import { rates, synced } from './synthetic/times.ts'
import { film, type Row } from './table.ts'

const plain = (more: Omit<Extract<Row['expect'], { size: unknown }>, 'size'> = {}): Row => film(160, 90, more)

const asTheyAre = Object.keys(synced).map((name) => [name, plain()] as const)

addRows(suite('times told in every way'), {
  makers: synced,
  quick: ['plain.webm', 'wrapped.ts', 'pause-by-edit.mp4', 'variable-rate.mp4'],
  rows: Object.fromEntries(asTheyAre),
  also: keepsSync,
})

addRows(suite('strange rates'), {
  makers: rates,
  quick: ['one-frame.mp4'],
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
