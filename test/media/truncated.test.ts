import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { halves, nearlyWhole } from './synthetic/cuts.ts'
import { film, refused, soundOnly } from './table.ts'

const damaged = /damaged or cannot be decoded/
const ended = /the end of the file is missing/
const endless = { warnings: [damaged, ended] }

/**
 * Containers that say how long they are prove that something is missing. Broadcast formats, bare streams of sound and
 * GIFs are made to be cut anywhere: half of one is a whole shorter one, and nothing in it says otherwise.
 */
addRows(suite('cut in half'), {
  makers: halves,
  quick: ['half-faststart.mp4', 'half-film.mkv', 'half-film.ts', 'half-tone.flac'],
  rows: {
    'half-faststart.mp4': refused('input.truncated'),
    'half-index-last.mp4': refused('input.truncated'),
    'half-fragmented.mp4': refused('input.truncated'),
    'half-film.mov': refused('input.truncated'),
    'half-film.mkv': refused('input.truncated'),
    'half-film.webm': refused('input.truncated'),
    'half-film.avi': refused('input.truncated'),
    'half-film.flv': refused('input.truncated'),
    'half-film.wmv': refused('input.truncated'),
    'half-tone.mp3': refused('input.truncated'),
    'half-tone.m4a': refused('input.truncated'),
    'half-tone.flac': refused('input.truncated'),
    'half-tone.wav': refused('input.truncated'),
    'half-tone.aiff': refused('input.truncated'),
    'half-film.ts': film(320, 180, { warnings: [damaged] }),
    'half-film.mpg': film(320, 180, endless),
    'half-film.gif': film(320, 180, { sound: false }),
    'half-tone.ogg': soundOnly(),
    'half-tone.opus': soundOnly(),
    'half-tone.aac': soundOnly(endless),
  },
})

addRows(suite('nearly whole'), {
  makers: nearlyWhole,
  quick: ['last-byte.mp4', 'junk-behind.mp3'],
  rows: {
    'last-byte.mp4': film(320, 180, { ...endless, ssim: 0.95 }),
    'last-byte.mkv': film(320, 180, { ssim: 0.95 }),
    'last-byte.ts': film(320, 180, { ...endless, ssim: 0.95 }),
    'last-byte.wav': soundOnly(endless),
    'last-byte.flac': soundOnly({ warnings: [damaged] }),
    'without-index.avi': film(320, 180, { ssim: 0.95, warnings: [ended] }),
    'junk-behind.mp4': film(320, 180, { ssim: 0.95 }),
    'junk-behind.mp3': soundOnly(),
  },
})
