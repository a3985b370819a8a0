import { suite } from '../helpers/suite.ts'
import { checkSync } from './check-sync.ts'
import { addRows } from './rows.ts'
import { frameRates, synced } from './synthetic/timestamps.ts'
import { video, type Row } from './table.ts'

const plain = (more: Omit<Extract<Row['expect'], { size: unknown }>, 'size'> = {}): Row => video(160, 90, more)

const entries = Object.keys(synced).map((name) => [name, plain()] as const)

addRows(suite('timestamps'), {
  makers: synced,
  quick: ['wrapped.ts'],
  rows: Object.fromEntries(entries),
  also: checkSync,
})

addRows(suite('unusual frame rates'), {
  makers: frameRates,
  quick: ['one-frame.mp4'],
  rows: {
    '1-fps.mp4': plain(),
    '1-fps.avi': plain(),
    '1000-fps.mp4': video(64, 48),
    '1000-fps.mkv': video(64, 48),
    'one-frame.mp4': plain({ audio: false, ssim: 0.97 }),
    'one-frame.mkv': plain({ audio: false, ssim: 0.97 }),
  },
  also: async (file) => {
    if (!file.name.startsWith('one-frame')) await checkSync(file)
  },
})
