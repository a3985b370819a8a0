import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { halves, nearlyComplete } from './synthetic/corrupt.ts'
import { video, rejected, audioOnly } from './table.ts'

const corrupt = /corrupt or cannot be decoded/
const ended = /the end of the file is missing/
const endMissing = { warnings: [corrupt, ended] }

/**
 * Truncation can be detected in containers that store their duration or size. Broadcast formats, raw audio streams and
 * GIFs can be split anywhere, so that half of a file is a valid shorter file.
 */
addRows(suite('files cut in half'), {
  makers: halves,
  quick: ['half-faststart.mp4'],
  rows: {
    'half-faststart.mp4': rejected('input.truncated'),
    'half-index-last.mp4': rejected('input.truncated'),
    'half-fragmented.mp4': rejected('input.truncated'),
    'half-video.mov': rejected('input.truncated'),
    'half-video.mkv': rejected('input.truncated'),
    'half-video.webm': rejected('input.truncated'),
    'half-video.avi': rejected('input.truncated'),
    'half-video.flv': rejected('input.truncated'),
    'half-video.wmv': rejected('input.truncated'),
    'half-tone.mp3': rejected('input.truncated'),
    'half-tone.m4a': rejected('input.truncated'),
    'half-tone.flac': rejected('input.truncated'),
    'half-tone.wav': rejected('input.truncated'),
    'half-tone.aiff': rejected('input.truncated'),
    'half-video.ts': video(320, 180, { warnings: [corrupt] }),
    'half-video.mpg': video(320, 180, endMissing),
    'half-video.gif': video(320, 180, { audio: false }),
    'half-tone.ogg': audioOnly(),
    'half-tone.opus': audioOnly(),
    'half-tone.aac': audioOnly(endMissing),
  },
})

addRows(suite('nearly complete files'), {
  makers: nearlyComplete,
  quick: ['one-byte-short.mp4'],
  rows: {
    'one-byte-short.mp4': video(320, 180, { ...endMissing, ssim: 0.95 }),
    'one-byte-short.mkv': video(320, 180, { ssim: 0.95 }),
    'one-byte-short.ts': video(320, 180, { ...endMissing, ssim: 0.95 }),
    'one-byte-short.wav': audioOnly(endMissing),
    'one-byte-short.flac': audioOnly({ warnings: [corrupt] }),
    'without-index.avi': video(320, 180, { ssim: 0.95, warnings: [ended] }),
    'trailing-junk.mp4': video(320, 180, { ssim: 0.95 }),
    'trailing-junk.mp3': audioOnly(),
  },
})
