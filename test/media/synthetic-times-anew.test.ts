import { suite } from '../helpers/suite.ts'
import { keepsSync } from './keeps-sync.ts'
import { addRows } from './rows.ts'
import { synced } from './synthetic/times.ts'
import { film } from './table.ts'

/** What comes from these containers is copied by default, where it can be. */
const copied = Object.fromEntries(Object.entries(synced).filter(([name]) => /\.(?:mp4|mkv|mov)$/.test(name)))

addRows(suite('times told in every way, coded anew', { exhaustive: true }), {
  makers: copied,
  rows: Object.fromEntries(
    Object.keys(copied).map((name) => [name, { ...film(160, 90), transcode: { copy: 'never' } }]),
  ),
  also: keepsSync,
})
