import { suite } from '../helpers/suite.ts'
import { addCorpusRows } from './corpus.ts'
import { film, refused, soundOnly } from './table.ts'

addCorpusRows(suite('malformed files'), {
  folder: 'malformed',
  quick: [
    'bug1539686.webm',
    'invalid_userdata.mp4',
    'sample_empty_track.mp4',
    'sample_with_invalid_nalu.mp4',
    'short-cenc.mp4',
  ],
  rows: {
    '100kB-garbage-prefix.mp3': refused('input.not_media'),
    '1024_incrementing_bytes.mp3': refused('input.not_media'),
    'bear_with_vorbis_comments_invalid_mutf8.flac': soundOnly(),
    'bug1539686.webm': refused('input.truncated'),
    'chunk_out_of_range.mp4': refused('input.corrupt'),
    'clusterfuzz-testcase-minimized-avif-4914209301856256.avif': refused('input.corrupt'),
    'dancer1.webm': refused('input.truncated', /5\.00 s of the 62\.83 s/),
    'invalid-bitstream.webm': refused('input.corrupt'),
    'invalid_userdata.mp4': refused('input.truncated'),
    'sample_empty_track.mp4': film(1080, 720, { warnings: [/tracks left out: 1/], ssim: 0.97 }),
    'sample_malformed_free_box.mp4': refused('input.corrupt'),
    'sample_missing_stsd.mp4': refused('input.corrupt'),
    'sample_with_invalid_nalu.mp4': refused('input.corrupt', /1 of about 30/),
    'seek_encrypted.webm': refused('input.encrypted'),
    'short-cenc.mp4': refused('input.encrypted'),
  },
})
