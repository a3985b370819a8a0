import * as assert from 'uvu/assert'
import { toMaster, toLanguageTag } from '../../plugins/streaming/master.ts'
import { toMpd } from '../../plugins/streaming/mpd.ts'
import { toIFramePlaylist, toMediaPlaylist } from '../../plugins/streaming/playlist.ts'
import { measureRates, toBoundaries, toSegments, toTargetSeconds } from '../../plugins/streaming/segments.ts'
import type { Track } from '../../plugins/streaming/track.ts'
import { toSubtitleSegments } from '../../plugins/streaming/webvtt.ts'
import { toRelativeUrl } from '../../plugins/keys.ts'
import { dash, hls } from '../../plugins/index.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('streaming')

/** Creates a track with fragments of these durations in seconds and sizes in bytes. */
function aTrack(seconds: readonly number[], sizes: readonly number[], change: Partial<Track> = {}): Track {
  let [start, offset] = [0, 200]
  const fragments = seconds.map((duration, n) => {
    const fragment = {
      offset,
      sizeBytes: sizes[n] ?? 0,
      start: start * 1000,
      duration: duration * 1000,
      samples: 10,
      presentation: start * 1000,
      startsWithSync: true,
      firstSampleEnd: offset + 50,
    }
    start += duration
    offset += fragment.sizeBytes
    return fragment
  })
  return {
    codec: 'avc1.64001e',
    timescale: 1000,
    init: { offset: 0, sizeBytes: 100 },
    index: { offset: 100, sizeBytes: 100 },
    fragments,
    sizeBytes: offset,
    seconds: start,
    samples: 10 * seconds.length,
    video: { width: 640, height: 360, rate: { numerator: 30_000, denominator: 1001 }, range: 'SDR' },
    ...change,
  }
}

const anAudioTrack = (seconds: readonly number[], sizes: readonly number[], change: Partial<Track> = {}): Track => {
  const { video: _, ...track } = aTrack(seconds, sizes, { codec: 'mp4a.40.2', ...change })
  return { ...track, audio: { channels: 2, sampleRate: 48_000 } }
}

test('segments are groups of fragments, and audio is cut nearest to the boundaries of the video', () => {
  const video = aTrack([2, 2, 2, 2, 1], [10, 20, 30, 40, 50])
  const audio = anAudioTrack([2.1, 2.1, 2.1, 2.1, 0.6], [1, 2, 3, 4, 5])
  const boundaries = toBoundaries([audio, video], 4)
  assert.equal(boundaries, [0, 4, 8])
  assert.equal(toSegments(video, boundaries), [
    { range: { offset: 200, sizeBytes: 30 }, start: 0, seconds: 4 },
    { range: { offset: 230, sizeBytes: 70 }, start: 4, seconds: 4 },
    { range: { offset: 300, sizeBytes: 50 }, start: 8, seconds: 1 },
  ])
  assert.equal(
    toSegments(audio, boundaries).map(({ start, seconds }) => [start, Number(seconds.toFixed(3))]),
    [
      [0, 4.2],
      [4.2, 4.2],
      [8.4, 0.6],
    ],
  )
})

test('a video whose fragments start elsewhere is an error', () => {
  assert.throws(() => toSegments(aTrack([2.5, 2.5], [1, 1]), [0, 2]), /no fragment that starts at 2\.000 s/)
})

test('no segment is longer than the target duration, rounded', () => {
  const segments = toSegments(aTrack([2.002, 2.002, 5.6], [1, 1, 1]), [0, 2.002, 4.004])
  assert.is(toTargetSeconds([segments]), 6)
  assert.is(toTargetSeconds([toSegments(aTrack([0.2], [1]), [0])]), 1)
})

test('the peak is the highest rate of segments that last 0.5 to 1.5 times the target, the average that of all', () => {
  const segments = toSegments(aTrack([2, 2, 2, 0.4], [1000, 4000, 1000, 3000]), [0, 2, 4, 6])
  // alone, the last segment would have 60,000 bit/s, but it is too short to count
  assert.equal(measureRates(segments, 2), { peak: 16_000, average: 11_250 })
  assert.equal(measureRates(toSegments(aTrack([0.4], [3000]), [0]), 6), { peak: 60_000, average: 60_000 })
})

test('playlists name byte ranges, I-frame playlists the first frame of each fragment', () => {
  const track = aTrack([2, 2], [1000, 2000])
  const media = { uri: 'a.mp4', init: track.init, segments: toSegments(track, [0, 2]), targetSeconds: 2 }
  assert.is(
    toMediaPlaylist(media),
    `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="a.mp4",BYTERANGE="100@0"
#EXTINF:2.000000,
#EXT-X-BYTERANGE:1000@200
a.mp4
#EXTINF:2.000000,
#EXT-X-BYTERANGE:2000@1200
a.mp4
#EXT-X-ENDLIST
`,
  )
  const frames = toIFramePlaylist(track, { uri: 'a.mp4', targetSeconds: 2 })
  assert.match(frames, '#EXT-X-I-FRAMES-ONLY\n')
  assert.match(frames, '#EXT-X-BYTERANGE:50@200\na.mp4\n#EXTINF:2.000000,\n#EXT-X-BYTERANGE:50@1200\n')
})

const rates = (average: number) => ({ peak: 2 * average, average })
const listed = (uri: string, average: number) => ({
  track: aTrack([2], [1]),
  rates: rates(average),
  uri,
  iFrames: { uri: `${uri}-i`, rates: rates(10) },
})

test('the multivariant playlist adds the audio to the rates, and starts with the best variant up to 2 Mbit/s', () => {
  const track = anAudioTrack([2], [1], { language: 'deu' })
  const text = toMaster({
    videos: [listed('hd', 5_000_000), listed('md', 1_500_000), listed('sd', 500_000)],
    audios: [
      { track, rates: rates(100_000), uri: 'de' },
      { track, rates: rates(90_000), uri: 'de2' },
      { track: anAudioTrack([2], [1]), rates: rates(90_000), uri: 'und' },
    ],
    subtitles: [{ uri: 'sub', language: 'eng' }],
  })
  assert.equal(text.match(/^(?:hd|md|sd)$/gm), ['md', 'hd', 'sd'])
  assert.match(text, 'BANDWIDTH=3200000,AVERAGE-BANDWIDTH=1600000,CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=640x360')
  assert.match(text, 'FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO="audio",SUBTITLES="subtitles"\nmd')
  assert.match(text, 'NAME="Deutsch",LANGUAGE="de",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="de"')
  assert.match(text, 'NAME="Deutsch 2",LANGUAGE="de",DEFAULT=NO')
  assert.match(text, 'NAME="Audio",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="und"')
  assert.match(
    text,
    'TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="English",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO',
  )
})

test('without video, the audio is the only variant; without audio, there is no group', () => {
  const audio = { track: anAudioTrack([2], [1]), rates: rates(100_000), uri: 'audio' }
  const alone = toMaster({ videos: [], audios: [audio], subtitles: [] })
  assert.match(alone, '#EXT-X-STREAM-INF:BANDWIDTH=200000,AVERAGE-BANDWIDTH=100000,CODECS="mp4a.40.2"\naudio\n')
  assert.not.match(alone, 'EXT-X-MEDIA')
  assert.not.match(toMaster({ videos: [listed('hd', 1)], audios: [], subtitles: [] }), 'AUDIO')
})

test('languages have their shortest code', () => {
  assert.equal(['deu', 'ger', 'eng', 'gsw', undefined].map(toLanguageTag), ['de', 'de', 'en', 'gsw', undefined])
})

test('a cue is in each segment during which it is shown, and nothing is lost', () => {
  const text = [
    'WEBVTT',
    'STYLE\n::cue {}',
    '1\n00:01.000 --> 00:05.000\nlong',
    '00:00:07.000 --> 00:00:08.000 line:0\nlate\nlines',
  ].join('\r\n\r\n')
  const { content, segments } = toSubtitleSegments(text, [0, 2, 4], 6)
  const parts = segments.map(({ range }) => content.toString('utf8', range.offset, range.offset + range.sizeBytes))
  const head = 'WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\nSTYLE\n::cue {}\n\n'
  assert.equal(parts, [
    `${head}1\n00:01.000 --> 00:05.000\nlong\n\n`,
    `${head}1\n00:01.000 --> 00:05.000\nlong\n\n`,
    `${head}1\n00:01.000 --> 00:05.000\nlong\n\n00:00:07.000 --> 00:00:08.000 line:0\nlate\nlines\n\n`,
  ])
  assert.equal(
    segments.map(({ seconds }) => seconds),
    [2, 2, 2],
  )
})

test('URLs are relative to the object that names them, and encoded', () => {
  assert.is(toRelativeUrl('hls_a/master.m3u8', 'hls_a/v1/x y.mp4'), 'v1/x%20y.mp4')
  assert.is(toRelativeUrl('hls_a/v1/a.m3u8', 'hls_a/v1/a#1.mp4'), 'a%231.mp4')
  assert.is(toRelativeUrl('lists/a/master.m3u8', 'media/a:b/v1/a.mp4'), '../../media/a%3Ab/v1/a.mp4')
})

const video = (id: string, change: Partial<Track> = {}) => ({
  id,
  uri: `v1/${id}&.mp4`,
  track: aTrack([2], [1], change),
  rates: rates(1000),
})

test('a manifest has a set for each codec, and needs an index', () => {
  const text = toMpd({
    videos: [video('a'), video('b', { codec: 'av01.0.00M.08' }), video('c')],
    audios: [],
    subtitles: [],
  })
  assert.is(text.match(/<AdaptationSet/g)?.length, 2)
  assert.match(text, '<BaseURL>v1/a&amp;.mp4</BaseURL>')
  assert.match(text, 'indexRange="100-199">\n          <Initialization range="0-99"/>')
  assert.throws(() => toMpd({ videos: [video('a', { index: null })], audios: [], subtitles: [] }), /has no "sidx"/)
})

test('the duration of a manifest ends after the media: up to it, players do not end by themselves', () => {
  const cases: [seconds: number, declared: string][] = [
    [12.029145, 'PT12.030S'],
    [12.0299, 'PT12.030S'],
    [12, 'PT12.001S'],
    [0.0004, 'PT0.001S'],
  ]
  for (const [seconds, declared] of cases) {
    const text = toMpd({ videos: [video('a', { seconds })], audios: [], subtitles: [] })
    assert.match(text, `mediaPresentationDuration="${declared}"`)
  }
})

const problems = ({ problems }: ReturnType<typeof hls>) => problems.map(({ message }) => message).join()

test('reports keys that are not valid', () => {
  assert.match(problems(hls({ key: '{name}.m3u' })), 'must end in .m3u8')
  assert.match(problems(hls({ key: 'a.m3u8' })), 'must contain {name} or {id}')
  assert.match(problems(hls({ trackKey: '{name}/{track}' })), 'must contain {version}, {track}')
  assert.match(problems(dash({ key: '{name}.xml' })), 'must end in .mpd')
  assert.match(problems(dash({ key: 'a.mpd' })), 'must contain {name} or {id}')
})
