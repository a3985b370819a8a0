import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { readPitch } from './sync.ts'
import { audioFiles } from './synthetic/audio.ts'
import { emptyTracks, withMetadata, trackSets, multipleTracks, subtitled } from './synthetic/tracks.ts'
import { video, rejected, audioOnly, type Rows, type Success } from './table.ts'

const dropped = { warnings: [/tracks left out/] }
const wide = (more: Omit<Success, 'size'>) => video(320, 180, { ...dropped, ...more })
const second = { from: { audio: 2 } }

/** Pitch of the chosen audio track: the first is 440 Hz, the second 1000 Hz. */
const pitches: Readonly<Record<string, number>> = {
  'two-audio-tracks.mkv': 440,
  'default-second-audio.mkv': 1000,
  'comment-first.mkv': 1000,
  'comment-default.mkv': 1000,
  'described-first.mkv': 1000,
  'more-channels-second.mkv': 1000,
}

addRows(suite('several tracks of one type'), {
  makers: multipleTracks,
  quick: ['comment-default.mkv'],
  rows: {
    'two-video-tracks.mkv': wide({ from: { video: 1 }, ssim: 0.97 }),
    'default-second-video.mkv': video(64, 48, { ...dropped, from: { video: 1 }, ssim: 0.97 }),
    'two-audio-tracks.mkv': wide({}),
    'default-second-audio.mkv': wide(second),
    'comment-first.mkv': wide(second),
    'comment-default.mkv': wide(second),
    'described-first.mkv': wide(second),
    'more-channels-second.mkv': wide(second),
  },
  async also({ name, result }) {
    const pitch = pitches[name]
    if (pitch !== undefined) assert.ok(Math.abs((await readPitch(result?.outputs[0]?.path ?? '')) - pitch) < 20, name)
  },
})

const subtitles = { warnings: [/subtitles left out/] }

addRows(suite('subtitles'), {
  makers: subtitled,
  quick: ['mov-text.mp4'],
  rows: Object.fromEntries(Object.keys(subtitled).map((name) => [name, video(160, 90, { ...subtitles, ssim: 0.97 })])),
})

addRows(suite('metadata and other tracks'), {
  makers: { ...withMetadata, ...trackSets },
  quick: ['location.mp4'],
  rows: {
    'chapters.mkv': video(160, 90, { chapters: 2 }),
    'chapters.mp4': video(160, 90, { ...dropped, chapters: 2 }),
    'location.mp4': video(160, 90, { ssim: 0.97 }),
    'location.mkv': video(160, 90, { ssim: 0.97 }),
    'data-track.mov': video(160, 90, dropped),
    'data-track.ts': video(160, 90),
    'video-only.mp4': video(160, 90, { audio: false, ssim: 0.97 }),
    'video-only.webm': video(160, 90, { audio: false, ssim: 0.97 }),
    'cover-and-video.mp4': video(160, 90, { ...dropped, ssim: 0.97 }),
    'subtitles-only.mkv': rejected('input.no_av'),
    'font-attached.mkv': video(160, 90, dropped),
  },
})

const nothing = { warnings: [/tracks left out: \d \(\w+: it contains nothing\)/] }
const withoutAudio = video(160, 90, { ...nothing, audio: false, ssim: 0.9 })

addRows(suite('tracks that hold nothing'), {
  makers: emptyTracks,
  quick: ['empty-vorbis.webm'],
  rows: {
    'empty-audio.mp4': withoutAudio,
    'empty-audio-fragmented.mp4': withoutAudio,
    'empty-vorbis.webm': withoutAudio,
    'empty-audio.ts': withoutAudio,
    'empty-audio.avi': withoutAudio,
    'empty-audio.flv': withoutAudio,
    'empty-video.mkv': audioOnly({ ...nothing, from: { audio: 1 } }),
    'empty-default-audio.mkv': video(160, 90, { ...nothing, ...second, ssim: 0.97 }),
  },
})

const withCover: Rows = Object.fromEntries(
  ['cover.mp3', 'cover.m4a', 'cover.flac', 'cover.mkv'].map((name) => [name, audioOnly(dropped)]),
)

addRows(suite('audio only'), {
  makers: audioFiles,
  quick: ['cover.mp3'],
  rows: {
    ...Object.fromEntries(Object.keys(audioFiles).map((name) => [name, audioOnly()])),
    ...withCover,
    // the first packet decodes to nothing, and its duration is kept
    'plain.wma': audioOnly({ duration: [1.95, 2.06] }),
  },
})
