import { suite } from '../helpers/suite.ts'
import { addCorpusRows } from './corpus.ts'
import { video, rejected, audioOnly } from './table.ts'

addCorpusRows(suite('malformed files'), {
  folder: 'malformed',
  quick: ['invalid_userdata.mp4'],
  rows: {
    '100kB-garbage-prefix.mp3': rejected('input.not_media'),
    '1024_incrementing_bytes.mp3': rejected('input.not_media'),
    'bear_with_vorbis_comments_invalid_mutf8.flac': audioOnly(),
    'bug1539686.webm': rejected('input.truncated'),
    'chunk_out_of_range.mp4': rejected('input.corrupt'),
    'clusterfuzz-testcase-minimized-avif-4914209301856256.avif': rejected('input.unsupported_codec', /avif/),
    'dancer1.webm': rejected('input.truncated', /5\.00 s of the 62\.83 s/),
    'invalid-bitstream.webm': rejected('input.corrupt'),
    'invalid_userdata.mp4': rejected('input.truncated'),
    'sample_empty_track.mp4': video(1080, 720, { warnings: [/tracks left out: 1/], ssim: 0.97 }),
    'sample_malformed_free_box.mp4': rejected('input.corrupt'),
    'sample_missing_stsd.mp4': rejected('input.corrupt'),
    'sample_with_invalid_nalu.mp4': rejected('input.corrupt', /1 of about 30/),
    'seek_encrypted.webm': rejected('input.encrypted'),
    'short-cenc.mp4': rejected('input.encrypted'),
  },
})
