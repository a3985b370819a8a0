import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { strangers } from './synthetic/strangers.ts'
import { refused } from './table.ts'

addRows(suite('strangers'), {
  makers: strangers,
  quick: ['empty.mp4', 'ftyp-only.mp4'],
  rows: {
    ...Object.fromEntries(Object.keys(strangers).map((name) => [name, refused('input.not_media')])),
    'empty.mp4': refused('input.empty'),
    // it says what it is, and ends there
    'ftyp-only.mp4': refused('input.corrupt', /no index/),
  },
})
