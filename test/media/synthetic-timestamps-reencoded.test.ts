import { suite } from '../helpers/suite.ts'
import { checkSync } from './check-sync.ts'
import { addRows } from './rows.ts'
import { synced } from './synthetic/timestamps.ts'
import { video } from './table.ts'

/** Containers whose streams are copied by default, where possible. */
const copyable = Object.fromEntries(Object.entries(synced).filter(([name]) => /\.(?:mp4|mkv|mov)$/.test(name)))

addRows(suite('timestamps, re-encoded', { exhaustive: true }), {
  makers: copyable,
  rows: Object.fromEntries(
    Object.keys(copyable).map((name) => [name, { ...video(160, 90), transcode: { copy: 'never' } }]),
  ),
  also: checkSync,
})
