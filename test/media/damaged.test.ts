import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { damaged, encrypted } from './synthetic/cuts.ts'
import { film, refused } from './table.ts'

addRows(suite('damaged'), {
  makers: damaged,
  quick: ['bit-flips.mp4', 'one-bit.mp4', 'bit-flips.webm', 'zero-hole.mkv', 'header-only.mp4'],
  rows: {
    'bit-flips.mp4': refused('input.corrupt'),
    'one-bit.mp4': film(320, 180),
    'bit-flips.mkv': refused('input.corrupt'),
    // VP8 can decode nearly any bits, and notices little
    'bit-flips.webm': film(320, 180, { warnings: [/1 of about 99 pictures are damaged/] }),
    'bit-flips.ts': refused('input.corrupt'),
    'bit-flips.avi': refused('input.corrupt'),
    'bit-flips.mp3': refused('input.corrupt'),
    'bit-flips.flac': refused('input.corrupt'),
    'zero-hole.mp4': refused('input.corrupt'),
    'zero-hole.mkv': refused('input.corrupt'),
    'zero-hole.ts': refused('input.corrupt'),
    'noise-hole.webm': refused('input.truncated'),
    'garbage-first.mp3': refused('input.corrupt'),
    'header-only.mkv': refused('input.truncated'),
    'header-only.mp4': refused('input.truncated'),
    'no-pictures.mp4': refused('input.corrupt'),
  },
})

addRows(suite('encrypted'), {
  makers: encrypted,
  quick: ['encrypted.mp4'],
  rows: Object.fromEntries(Object.keys(encrypted).map((name) => [name, refused('input.encrypted')])),
})
