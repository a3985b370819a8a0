import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { corrupt, encrypted } from './synthetic/corrupt.ts'
import { video, rejected } from './table.ts'

addRows(suite('corrupt files'), {
  makers: corrupt,
  quick: ['bit-flips.mp4'],
  rows: {
    'bit-flips.mp4': rejected('input.corrupt'),
    'one-bit.mp4': video(320, 180),
    'bit-flips.mkv': rejected('input.corrupt'),
    // VP8 decoders detect few errors
    'bit-flips.webm': video(320, 180, { warnings: [/1 of about 99 frames are corrupt/] }),
    'bit-flips.ts': rejected('input.corrupt'),
    'bit-flips.avi': rejected('input.corrupt'),
    'bit-flips.mp3': rejected('input.corrupt'),
    'bit-flips.flac': rejected('input.corrupt'),
    'zero-hole.mp4': rejected('input.corrupt'),
    'zero-hole.mkv': rejected('input.corrupt'),
    'zero-hole.ts': rejected('input.corrupt'),
    'noise-hole.webm': rejected('input.truncated'),
    'leading-garbage.mp3': rejected('input.corrupt'),
    'header-only.mkv': rejected('input.truncated'),
    'header-only.mp4': rejected('input.truncated'),
    'zeroed-data.mp4': rejected('input.corrupt'),
  },
})

addRows(suite('encrypted files'), {
  makers: encrypted,
  quick: ['encrypted.mp4'],
  rows: Object.fromEntries(Object.keys(encrypted).map((name) => [name, rejected('input.encrypted')])),
})
