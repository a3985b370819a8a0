/** Presentations of sources and options that are out of the ordinary. */
import * as assert from 'uvu/assert'
import { toAudioTracks } from '../../plugins/ladder/languages.ts'
import { toRelativeUrl } from '../../plugins/keys.ts'
import { toMaster } from '../../plugins/streaming/master.ts'
import { toMpd } from '../../plugins/streaming/mpd.ts'
import { toNames } from '../../plugins/streaming/rendition.ts'
import { extendBoundaries, toSegments } from '../../plugins/streaming/segments.ts'
import type { Track } from '../../plugins/streaming/track.ts'
import { escapeCues } from '../../plugins/streaming/webvtt.ts'
import { aProbe, anAudio } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('unusual presentations')

/** Creates an audio track with fragments of 2 s, which start at `start` seconds. */
function anAudioTrack(count: number, { start = 0, language }: { start?: number; language?: string } = {}): Track {
  const fragments = Array.from({ length: count }, (_, n) => ({
    offset: 200 + n,
    sizeBytes: 1,
    start: 1000 * (start + 2 * n),
    duration: 2000,
    samples: 10,
    presentation: 1000 * (start + 2 * n),
    startsWithSync: true,
    firstSampleEnd: 0,
  }))
  return {
    codec: 'mp4a.40.2',
    timescale: 1000,
    ...(language !== undefined && { language }),
    init: { offset: 0, sizeBytes: 100 },
    index: { offset: 100, sizeBytes: 100 },
    fragments,
    sizeBytes: 200 + count,
    seconds: 2 * count,
    samples: 10 * count,
    audio: { channels: 2, sampleRate: 48_000 },
  }
}

test('audio that is longer than the video is in segments of its own after the end of the video', () => {
  const boundaries = extendBoundaries([0], 6, 40)
  assert.equal(boundaries, [0, 6, 12, 18, 24, 30, 36])
  const segments = toSegments(anAudioTrack(20), boundaries)
  assert.equal(
    segments.map(({ start, seconds }) => [start, seconds]),
    [...[0, 6, 12, 18, 24, 30].map((start) => [start, 6]), [36, 4]],
  )
  assert.equal(extendBoundaries([0, 6], 6, 14.9), [0, 6], 'no segment for a short rest')
  assert.equal(extendBoundaries([0, 6], 6, 15), [0, 6, 12])
})

test('without video, all languages can be chosen', () => {
  const [german, french] = ['deu', 'fra'].map((language, n) => {
    const rates = { peak: 200_000 + n, average: 100_000 + n }
    return { track: anAudioTrack(1, { language }), rates, uri: `${language}.m3u8` }
  })
  const text = toMaster({ videos: [], audios: [german, french].filter((one) => one !== undefined), subtitles: [] })
  assert.match(text, 'NAME="Deutsch",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="deu.m3u8"\n')
  assert.match(text, 'NAME="français",LANGUAGE="fr",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="fra.m3u8"\n')
  const variant = 'BANDWIDTH=200001,AVERAGE-BANDWIDTH=100001,CODECS="mp4a.40.2",AUDIO="audio"\ndeu.m3u8\n'
  assert.match(text, `#EXT-X-STREAM-INF:${variant}`)
  assert.is(text.match(/#EXT-X-STREAM-INF/g)?.length, 1)
})

test('players choose by themselves only from the first subtitles of each language', () => {
  const subtitles = ['eng', 'eng', 'deu', undefined, undefined].map((language, n) => ({ uri: String(n), language }))
  const audios = [{ track: anAudioTrack(1), rates: { peak: 1, average: 1 }, uri: 'audio' }]
  const text = toMaster({ videos: [], audios, subtitles })
  assert.equal(
    [...text.matchAll(/NAME="([^"]*)".*AUTOSELECT=(\w+)/g)].map(([, ...found]) => found.join(': ')),
    ['English: YES', 'English 2: NO', 'Deutsch: YES', 'Subtitles: YES', 'Subtitles 2: NO'],
  )
})

test('the two codes of a language are one language', () => {
  const [main, other, further] = ['ger', 'deu', 'fre'].map((language, index) => anAudio({ index, language }))
  const otherAudio = [other, further].filter((one) => one !== undefined)
  const tracks = toAudioTracks(aProbe({ audio: main ?? null, otherAudio }), {
    codec: 'aac',
    kbps: 128,
    languages: 'all',
  })
  assert.equal(
    tracks.map(({ index }) => index),
    [0, 2],
  )
})

test('files with one name in several folders have names of their own', () => {
  assert.equal(toNames(['v1/a/media.mp4', 'v1/b/media.mp4', 'v1/media-2.mp4', 'v1/c.mp4', 'v1/d/media.mp4']), [
    'media',
    'media-2',
    'media-2-2',
    'c',
    'media-3',
  ])
})

test('a manifest ends after audio that starts later than at 0', () => {
  const audio = { id: 'a', uri: 'a.mp4', track: anAudioTrack(1, { start: 0.04 }), rates: { peak: 1, average: 1 } }
  assert.match(toMpd({ videos: [], audios: [audio], subtitles: [] }), 'mediaPresentationDuration="PT2.041S"')
})

test('text that looks like markup stays in its cue', () => {
  const text = [
    'WEBVTT\n',
    '00:00.000 --> 00:01.000\na --> b, I <3 you, x < y\n',
    '01:00:00.000 --> 01:00:01.000 line:0\n<i>it</i> <c.red>is</c> <00:01.500>so</u> <b\n',
  ].join('\n')
  const expected = [
    'WEBVTT\n',
    '00:00.000 --> 00:01.000\na --&gt; b, I &lt;3 you, x &lt; y\n',
    '01:00:00.000 --> 01:00:01.000 line:0\n<i>it</i> <c.red>is</c> <00:01.500>so</u> &lt;b\n',
  ].join('\n')
  assert.is(escapeCues(text), expected)
})

const resolve = (from: string, to: string): string =>
  decodeURIComponent(new URL(toRelativeUrl(from, to), `http://h/${from}`).pathname.slice(1))

test('a relative URL keeps the empty parts of keys', () => {
  for (const [from, to] of [
    ['m/a//b.m3u8', 't/v1/a//b/h.mp4'],
    ['m/a.m3u8', 'm//v1/a.mp4'],
    ['a.m3u8', '/v1/a.mp4'],
    ['a//b/x.m3u8', 'a//b'],
    ['x.m3u8', 'y z/é?.mp4'],
  ] as const)
    assert.is(resolve(from, to), to)
  assert.is(toRelativeUrl('m/a.m3u8', 'm//v1/a.mp4'), './/v1/a.mp4')
})
