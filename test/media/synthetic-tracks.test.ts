import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { readPitch } from './sync.ts'
import { heard } from './synthetic/sounds.ts'
import { labelled, partial, several, subtitled } from './synthetic/tracks.ts'
import { film, refused, soundOnly, type Rows, type Success } from './table.ts'

const leftOut = { warnings: [/tracks left out/] }
const wide = (more: Omit<Success, 'size'>) => film(320, 180, { ...leftOut, ...more })
const second = { from: { audio: 2 } }

/** The quiet first sound is a tone of 440 Hz, the second one of 1000 Hz. */
const pitches: Readonly<Record<string, number>> = {
  'two-sounds.mkv': 440,
  'default-second-sound.mkv': 1000,
  'comment-first.mkv': 1000,
  'comment-default.mkv': 1000,
  'described-first.mkv': 1000,
  'more-channels-second.mkv': 1000,
}

addRows(suite('several tracks of a kind'), {
  makers: several,
  quick: ['two-pictures.mkv', 'comment-default.mkv'],
  rows: {
    'two-pictures.mkv': wide({ from: { video: 1 }, ssim: 0.97 }),
    'default-second-picture.mkv': film(64, 48, { ...leftOut, from: { video: 1 }, ssim: 0.97 }),
    'two-sounds.mkv': wide({}),
    'default-second-sound.mkv': wide(second),
    'comment-first.mkv': wide(second),
    'comment-default.mkv': wide(second),
    'described-first.mkv': wide(second),
    'more-channels-second.mkv': wide(second),
  },
  async also({ name, ran }) {
    const pitch = pitches[name]
    if (pitch !== undefined) assert.ok(Math.abs((await readPitch(ran?.outputs[0]?.path ?? '')) - pitch) < 20, name)
  },
})

const subtitles = { warnings: [/subtitles left out/] }

addRows(suite('subtitles'), {
  makers: subtitled,
  quick: ['mov-text.mp4'],
  rows: Object.fromEntries(Object.keys(subtitled).map((name) => [name, film(160, 90, { ...subtitles, ssim: 0.97 })])),
})

addRows(suite('labels and further tracks'), {
  makers: { ...labelled, ...partial },
  quick: ['chapters.mkv', 'located.mp4', 'cover-and-picture.mp4', 'subtitles-only.mkv'],
  rows: {
    'chapters.mkv': film(160, 90, { chapters: 2 }),
    'chapters.mp4': film(160, 90, { ...leftOut, chapters: 2 }),
    'located.mp4': film(160, 90, { ssim: 0.97 }),
    'located.mkv': film(160, 90, { ssim: 0.97 }),
    'data-track.mov': film(160, 90, leftOut),
    'data-track.ts': film(160, 90),
    'video-only.mp4': film(160, 90, { sound: false, ssim: 0.97 }),
    'video-only.webm': film(160, 90, { sound: false, ssim: 0.97 }),
    'cover-and-picture.mp4': film(160, 90, { ...leftOut, ssim: 0.97 }),
    'subtitles-only.mkv': refused('input.no_av'),
    'font-attached.mkv': film(160, 90, leftOut),
  },
})

const covered: Rows = Object.fromEntries(
  ['cover.mp3', 'cover.m4a', 'cover.flac', 'cover.mkv'].map((name) => [name, soundOnly(leftOut)]),
)

addRows(suite('sound alone'), {
  makers: heard,
  quick: ['plain.ogg', 'cover.mp3'],
  rows: {
    ...Object.fromEntries(Object.keys(heard).map((name) => [name, soundOnly()])),
    ...covered,
    // the first packet of it makes no sound, and the time it stands for is kept
    'plain.wma': soundOnly({ lasts: [1.95, 2.06] }),
  },
})
