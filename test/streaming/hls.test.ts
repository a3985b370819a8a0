import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { changeText, makePresentation, type Presentation } from './package.ts'
import type { Files } from './read.ts'
import { validateDash } from './validate-dash.ts'
import { validateHls } from './validate-hls.ts'

const test = suite('HLS and DASH')
let presentation: Presentation

test.before(async () => {
  presentation = await makePresentation({
    video: { seconds: 7, width: 640, height: 360, fps: 12 },
    segmentSeconds: 2,
    transcode: {
      renditions: [{ height: 360 }, { height: 240 }, { height: 144, codec: 'hevc' }],
      subtitles: 'webvtt',
    },
  })
})
test.after(async () => await presentation[Symbol.asyncDispose]())

test('renditions of one run become a valid presentation', () => {
  assert.equal(validateHls(presentation.files, presentation.master), [])
  assert.equal(validateDash(presentation.files, presentation.manifest), [])
})

test('media comes before its playlists, and the multivariant playlist after all that it names', () => {
  const keys = presentation.context.artifacts.map(({ key }) => key)
  const at = (pattern: RegExp) => keys.flatMap((key, n) => (pattern.test(key) ? [n] : []))
  assert.ok(Math.max(...at(/\.mp4$/)) < Math.min(...at(/v1\/.*\.m3u8$/)), keys.join())
  assert.ok(Math.max(...at(/v1\/.*\.m3u8$/)) < Math.min(...at(/master\.m3u8$/)), keys.join())
})

test('only the multivariant playlist and the manifest have keys of their own and expire soon', () => {
  for (const { key, cacheControl, contentType } of presentation.context.artifacts) {
    const isFixed = /^hls_video\/(?:master\.m3u8|manifest\.mpd)$/.test(key)
    assert.is(cacheControl, isFixed ? 'max-age=10' : 'max-age=31536000, immutable', key)
    assert.is(key.startsWith('hls_video/v1/'), !isFixed, key)
    const types = {
      mp4: /^(?:video|audio)\/mp4$/,
      m3u8: /^application\/vnd\.apple\.mpegurl$/,
      mpd: /^application\/dash\+xml$/,
    }
    assert.match(contentType, types[key.split('.').at(-1) as keyof typeof types], key)
  }
})

test('the reason for the renditions is in the job document', () => {
  assert.match(
    presentation.context.notes.join(),
    'h264-360p, h264-240p, hevc-144p: as configured, the source is 640x360',
  )
})

const playlists = /v1\/h264-240p\.m3u8$/
const audio = /v1\/audio-.*\.m3u8$/
const frames = /v1\/h264-360p-iframes\.m3u8$/
const master = /master\.m3u8$/

const replace = (files: RegExp, from: string | RegExp, to: string) => (all: Files) =>
  changeText(all, files, (text) => {
    assert.ok(text.search(from) >= 0, `${from} is not in ${files}`)
    return text.replace(from, to)
  })

/** Changes bytes of a box of a rendition, from its start. */
const patch =
  (name: string, { type, at, value }: { type: string; at: number; value: number }) =>
  (all: Files) =>
    new Map(
      Array.from(all, ([key, bytes]) => {
        if (!key.includes(name) || !key.endsWith('.mp4')) return [key, bytes] as const
        const copy = Buffer.from(bytes)
        const found = copy.lastIndexOf(type)
        assert.ok(found > 0)
        copy.writeUInt32BE(value, found + at)
        return [key, copy] as const
      }),
    )

/** Each rule of the validator detects a presentation that breaks it. */
const mutations: [rule: string, change: (files: Files) => Files][] = [
  ['readable', replace(master, /[^]*/, '#EXTM3U')],
  ['exists', replace(master, 'v1/h264-240p.m3u8', 'v2/h264-240p.m3u8')],
  ['exists', replace(playlists, /h264-240p\.mp4/g, 'other.mp4')],
  ['master', replace(master, '#EXT-X-INDEPENDENT-SEGMENTS\n', '')],
  ['target duration', replace(playlists, '#EXT-X-TARGETDURATION:2', '#EXT-X-TARGETDURATION:3')],
  ['ENDLIST', replace(playlists, '#EXT-X-ENDLIST\n', '')],
  ['version', replace(playlists, '#EXT-X-VERSION:7', '#EXT-X-VERSION:5')],
  ['MAP', replace(playlists, /#EXT-X-MAP.*\n/, '')],
  [
    'EXTINF above target',
    (all) => changeText(all, /\.m3u8$/, (text) => text.replace('TARGETDURATION:2', 'TARGETDURATION:1')),
  ],
  [
    'byte ranges',
    replace(playlists, /#EXT-X-BYTERANGE:\d+@(\d+)\n(.*\n#EXT-X-ENDLIST)/, '#EXT-X-BYTERANGE:99999999@$1\n$2'),
  ],
  ['EXTINF', replace(playlists, '#EXTINF:2.000000', '#EXTINF:1.990000')],
  ['contiguous bytes', replace(playlists, /@(\d+)\n(.*\n#EXT-X-ENDLIST)/, '@1\n$2')],
  ['all samples', replace(playlists, /#EXTINF.*\n#EXT-X-BYTERANGE.*\n.*\n#EXT-X-ENDLIST/, '#EXT-X-ENDLIST')],
  ['sync sample', patch('h264-240p', { type: 'trun', at: 16, value: 0x0101_0000 })],
  ['contiguous times', patch('h264-240p', { type: 'tfdt', at: 12, value: 99 })],
  ['aligned boundaries', patch('h264-240p', { type: 'mdhd', at: 16, value: 20_000 })],
  ['equal durations', patch('h264-240p', { type: 'mdhd', at: 16, value: 20_000 })],
  ['CODECS', replace(master, /avc1\.[0-9a-f]{6}/, 'avc1.640033')],
  ['RESOLUTION', replace(master, 'RESOLUTION=640x360', 'RESOLUTION=640x352')],
  ['FRAME-RATE', replace(master, 'FRAME-RATE=12.000', 'FRAME-RATE=25.000')],
  ['BANDWIDTH', replace(master, /BANDWIDTH=(\d)/, 'BANDWIDTH=1$1')],
  ['AVERAGE-BANDWIDTH', replace(master, /AVERAGE-BANDWIDTH=(\d)/, 'AVERAGE-BANDWIDTH=1$1')],
  ['peak', replace(master, /,BANDWIDTH=(\d)|:BANDWIDTH=(\d)/, ':BANDWIDTH=9$1$2')],
  ['I-FRAMES-ONLY', replace(frames, '#EXT-X-I-FRAMES-ONLY\n', '')],
  ['I-frames', replace(frames, /#EXTINF.*\n#EXT-X-BYTERANGE.*\n.*\n#EXT-X-ENDLIST/, '#EXT-X-ENDLIST')],
  ['I-frame range', replace(frames, /BYTERANGE:(\d+)@/, 'BYTERANGE:1$1@')],
  ['one DEFAULT', replace(master, 'DEFAULT=YES', 'DEFAULT=NO')],
  ['AUTOSELECT and CHANNELS', replace(master, ',CHANNELS="1"', '')],
  ['rung ratio', (all) => changeText(all, master, (text) => text.replaceAll(/BANDWIDTH=\d+/g, 'BANDWIDTH=1000000'))],
  ['aspect ratio', replace(master, 'RESOLUTION=426x240', 'RESOLUTION=320x240')],
]

for (const [at, [rule, change]] of mutations.entries())
  test(`the validator detects a violation of the rule "${rule}" (${at + 1})`, () => {
    const found = validateHls(change(presentation.files), presentation.master)
    assert.ok(
      found.some((problem) => problem.startsWith(`${rule}:`) || problem === rule),
      `${rule}: ${found.join('; ')}`,
    )
  })

test('the validator requires audio near the boundaries of the video', () => {
  const late = changeText(presentation.files, audio, (text) =>
    text.replace(/#EXTINF[^#]*#EXT-X-BYTERANGE[^\n]*\n[^\n]*\n/, ''),
  )
  assert.match(validateHls(late, presentation.master).join(), 'aligned boundaries')
})

const mpd = /manifest\.mpd$/

/** Each rule of the DASH validator detects a manifest that breaks it. */
const manifestMutations: [rule: string, change: (files: Files) => Files][] = [
  ['exists', replace(mpd, 'v1/h264-240p.mp4', 'v2/h264-240p.mp4')],
  ['profile', replace(mpd, 'isoff-on-demand', 'isoff-live')],
  ['duration', replace(mpd, 'mediaPresentationDuration="PT7', 'mediaPresentationDuration="PT8')],
  ['unique ids', replace(mpd, 'id="h264-240p"', 'id="h264-360p"')],
  ['codecs', replace(mpd, /avc1\.[0-9a-f]{6}/, 'avc1.640033')],
  ['mimeType', replace(mpd, 'mimeType="audio/mp4"', 'mimeType="video/mp4"')],
  ['size', replace(mpd, 'height="240"', 'height="242"')],
  ['frameRate', replace(mpd, 'frameRate="12"', 'frameRate="25"')],
  ['bandwidth', replace(mpd, /bandwidth="\d+/, 'bandwidth="9000000')],
  ['init range', replace(mpd, /range="0-(\d)/, 'range="0-1$1')],
  ['index range', replace(mpd, /indexRange="(\d+)-\d+/, 'indexRange="$1-9999')],
  ['starts with a sync sample', patch('h264-240p', { type: 'trun', at: 16, value: 0x0101_0000 })],
  ['index times', patch('h264-240p', { type: 'sidx', at: 40, value: 1 })],
  ['index covers all', patch('h264-240p', { type: 'sidx', at: 32, value: 3 })],
  ['aligned', replace(mpd, 'subsegmentAlignment="true"', 'subsegmentAlignment="false"')],
]

for (const [at, [rule, change]] of manifestMutations.entries())
  test(`the DASH validator detects a violation of the rule "${rule}" (${at + 1})`, () => {
    const found = validateDash(change(presentation.files), presentation.manifest)
    assert.ok(
      found.some((problem) => problem.startsWith(rule)),
      `${rule}: ${found.join('; ')}`,
    )
  })
