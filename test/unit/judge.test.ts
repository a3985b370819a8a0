import * as assert from 'uvu/assert'
import type { Corruption, Probe } from '../../daemon/index.ts'
import { createCorruptionCounter } from '../../daemon/programs/corruption.ts'
import { findDefects, toVideoEnd } from '../../plugins/transcode/defects.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('judge')

const whole: Corruption = { undecodable: {}, truncated: false, gaps: false, nonMonotonic: false, detections: [] }
type Case = { probe?: Partial<Probe>; seconds?: number; corruption?: Partial<Corruption>; droppedFrames?: number }

function judge({ probe = {}, seconds = 10, corruption = {}, droppedFrames = 0 }: Case): (string | null)[] {
  const length = { durationSeconds: seconds }
  const result = aProbe({ ...length, video: aVideo(length), audio: anAudio(length) })
  const made = { probe: aProbe(probe), result, corruption: { ...whole, ...corruption }, frames: 300, droppedFrames }
  return findDefects(made).map(({ code }) => code)
}

test('a whole source has no flaws', () => {
  assert.equal(judge({}), [])
  assert.equal(judge({ seconds: 9.6 }), [])
})

test('more than 2 % that cannot be decoded is corrupt, less is a note', () => {
  assert.equal(judge({ corruption: { undecodable: { 2: 6 } } }), [null])
  assert.equal(judge({ corruption: { undecodable: { 2: 7 } } }), ['input.corrupt'])
  assert.equal(judge({ corruption: { undecodable: { 5: 9 } } }), [null])
  assert.equal(judge({ corruption: { undecodable: { 5: 10 } } }), ['input.corrupt'])
  assert.equal(judge({ corruption: { undecodable: { 3: 500 } } }), [])
})

test('a container that is cut lacks 2 % at most, another 10 %', () => {
  assert.equal(judge({ seconds: 9.85, corruption: { truncated: true } }), [null])
  assert.equal(judge({ seconds: 9.7, corruption: { truncated: true } }), ['input.truncated', 'input.truncated'])
  assert.equal(judge({ seconds: 9.7, probe: { truncated: true } }), ['input.truncated', 'input.truncated'])
  assert.equal(judge({ seconds: 9.2 }), [null, null])
  assert.equal(judge({ seconds: 8.9 }), ['input.truncated', 'input.truncated'])
})

test('the length of the file counts where no track can be longer than those that were taken', () => {
  const unsaid = { video: aVideo({ durationSeconds: null }), audio: null }
  assert.equal(judge({ seconds: 5, probe: unsaid }), ['input.truncated'])
  const titles = [{ index: 7, codec: 'subrip', isText: true }]
  assert.equal(judge({ seconds: 5, probe: { ...unsaid, subtitles: titles } }), [])
  assert.equal(judge({ seconds: 5, probe: { ...unsaid, subtitles: titles, truncated: true } }), ['input.truncated'])
  assert.equal(judge({ seconds: 5, probe: { ...unsaid, durationSeconds: null } }), [])
})

test('where the container lost its thread, pictures are counted', () => {
  assert.equal(judge({ corruption: { gaps: true } }), [])
  const slow = { video: aVideo({ framesPerSecond: 31 }) }
  assert.equal(judge({ probe: slow, corruption: { gaps: true } }), ['input.corrupt'])
  assert.equal(judge({ probe: slow }), [])
})

test('bytes that a file announces and does not have', () => {
  assert.equal(judge({ probe: { truncated: true, declaredBytes: 1010, sizeBytes: 1000 } }), [null])
  assert.equal(judge({ probe: { truncated: true, declaredBytes: 1100, sizeBytes: 1000 } }), ['input.truncated'])
})

test('a last picture that is shown for long, and a length that is only guessed, are no flaws', () => {
  assert.equal(judge({ seconds: 3, probe: { audio: null, video: aVideo({ packetCount: 300 }) } }), [null])
  assert.equal(judge({ seconds: 3, probe: { audio: null, video: aVideo({ packetCount: 400 }) } }), ['input.truncated'])
  assert.equal(judge({ seconds: 3, probe: { isDurationEstimated: true } }), [])
})

test('pictures that were left out are a note', () => {
  assert.equal(judge({ droppedFrames: 3 }), [null])
})

test('counts what ffmpeg 5 to 7 complain about, by stream', () => {
  const counter = createCorruptionCounter()
  const lines = [
    '[error] Error while decoding stream #0:1: Invalid data found when processing input',
    '[warning] file:/w/source: corrupt decoded frame in stream 0',
    '[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x55] [error] Error submitting packet to decoder: Invalid data found',
    '[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x55] [warning] corrupt decoded frame',
    '[h264 @ 0x55] [error] error while decoding MB 4 0, bytestream 7432',
  ]
  lines.forEach(counter.see)
  assert.equal(counter.read(), {
    undecodable: { 0: 3, 1: 1 },
    truncated: false,
    gaps: false,
    nonMonotonic: false,
    detections: [],
  })
})

function isCut(line: string): boolean {
  const counter = createCorruptionCounter()
  counter.see(line)
  return counter.read().truncated
}

test('knows the signs of a file that is cut, and of times that go back', () => {
  const signs = [
    '[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55] [error] stream 1, offset 0x4c3b5: partial file',
    '[matroska,webm @ 0x55] [error] File ended prematurely at pos. 331057 (0x50d31)',
    '[avi @ 0x55] [warning] Packet corrupt (stream = 0, dts = 85).',
    '[mp3 @ 0x55] [warning] filesize and duration do not match (growing file?)',
  ]
  assert.equal(signs.map(isCut), [true, true, true, true])
  assert.is(isCut('[error] File ended prematurely, says a title'), false)
  const counter = createCorruptionCounter()
  counter.see('[mp4 @ 0x55] [warning] Non-monotonous DTS in output stream 0:0; previous: 5, current: 4; changing to 6.')
  assert.is(counter.read().nonMonotonic, true)
})

test('hears what filters tell, whoever ffmpeg says it comes from', () => {
  const counter = createCorruptionCounter()
  const told = ['[warning] 2.000000', '[Eval @ 0x55] [warning] 1.000000', '[warning] 2.000000']
  const others = ['[info] 3.000000', '[warning] 4.500000', '[warning] a title: 5.000000', '[warning] 1234.000000']
  for (const line of [...told, ...others]) counter.see(line)
  assert.equal(counter.read().detections, [2, 1])
})

test('the index says when the last picture ends, where all of them are there', () => {
  const video = aVideo({ packetCount: 300, durationSeconds: 14 })
  const end = (changes: Partial<Probe>, frames = 300, corruption: Partial<Corruption> = {}) =>
    toVideoEnd({ probe: aProbe({ video, ...changes }), frames, corruption: { ...whole, ...corruption } })
  assert.is(end({}), 14)
  assert.is(end({}, 299), null)
  assert.is(end({}, 300, { truncated: true }), null)
  assert.is(end({}, 300, { gaps: true }), null)
  assert.is(end({ truncated: true }), null)
  assert.is(end({ video: aVideo() }), null)
  assert.is(end({ video: aVideo({ packetCount: 300, durationSeconds: 90_000 }) }), null)
  assert.is(end({ video: { ...video, startSeconds: 0.5 } }), 14.5)
  // reordered pictures: the file's length is right, when nothing else can be its reason, and by as much as it can be
  assert.is(end({ audio: null, durationSeconds: 14.2 }), 14.2)
  assert.is(end({ durationSeconds: 14.2 }), 14.2)
  assert.is(end({ durationSeconds: 14.2, audio: anAudio({ durationSeconds: 14.2 }) }), 14)
  assert.is(end({ audio: null, durationSeconds: 14.2, startSeconds: 1 }), 14)
  assert.is(end({ audio: null, durationSeconds: 3600 }), 14)
  const skipped = [{ index: 3, type: 'data', codec: null, reason: 'neither picture nor sound' }]
  assert.is(end({ audio: null, durationSeconds: 14.2, skipped }), 14)
})
