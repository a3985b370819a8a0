import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { notMedia } from './synthetic/not-media.ts'
import { rejected } from './table.ts'

addRows(suite('not media'), {
  makers: notMedia,
  quick: ['empty.mp4'],
  rows: {
    ...Object.fromEntries(Object.keys(notMedia).map((name) => [name, rejected('input.not_media')])),
    'empty.mp4': rejected('input.empty'),
    // has a file type, but nothing else
    'ftyp-only.mp4': rejected('input.corrupt', /no index/),
  },
})
