import * as assert from 'uvu/assert'
import type { Corruption, Probe } from '../../daemon/index.ts'
import { createCorruptionCounter } from '../../daemon/programs/corruption.ts'
import { findDefects, toVideoEnd } from '../../plugins/transcode/defects.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('defects')

const intact: Corruption = { undecodable: {}, truncated: false, gaps: false, nonMonotonic: false, detections: [] }
type Case = { probe?: Partial<Probe>; seconds?: number; corruption?: Partial<Corruption>; droppedFrames?: number }

function codesOf({ probe = {}, seconds = 10, corruption = {}, droppedFrames = 0 }: Case): (string | null)[] {
  const duration = { durationSeconds: seconds }
  const result = aProbe({ ...duration, video: aVideo(duration), audio: anAudio(duration) })
  const encoded = { probe: aProbe(probe), result, corruption: { ...intact, ...corruption }, frames: 300, droppedFrames }
  return findDefects(encoded).map(({ code }) => code)
}

test('finds no defects in an intact source', () => {
  assert.equal(codesOf({}), [])
  assert.equal(codesOf({ seconds: 9.6 }), [])
})

test('more than 2 % that cannot be decoded is corrupt, less is a warning', () => {
  assert.equal(codesOf({ corruption: { undecodable: { 2: 6 } } }), [null])
  assert.equal(codesOf({ corruption: { undecodable: { 2: 7 } } }), ['input.corrupt'])
  assert.equal(codesOf({ corruption: { undecodable: { 5: 9 } } }), [null])
  assert.equal(codesOf({ corruption: { undecodable: { 5: 10 } } }), ['input.corrupt'])
  assert.equal(codesOf({ corruption: { undecodable: { 3: 500 } } }), [])
})

test('a truncated container can lack 2 %, another 10 %', () => {
  assert.equal(codesOf({ seconds: 9.85, corruption: { truncated: true } }), [null])
  assert.equal(codesOf({ seconds: 9.7, corruption: { truncated: true } }), ['input.truncated', 'input.truncated'])
  assert.equal(codesOf({ seconds: 9.7, probe: { truncated: true } }), ['input.truncated', 'input.truncated'])
  assert.equal(codesOf({ seconds: 9.2 }), [null, null])
  assert.equal(codesOf({ seconds: 8.9 }), ['input.truncated', 'input.truncated'])
})

test('the duration of the file counts where no other track can be longer', () => {
  const unknown = { video: aVideo({ durationSeconds: null }), audio: null }
  assert.equal(codesOf({ seconds: 5, probe: unknown }), ['input.truncated'])
  const titles = [{ index: 7, codec: 'subrip', isText: true }]
  assert.equal(codesOf({ seconds: 5, probe: { ...unknown, subtitles: titles } }), [])
  assert.equal(codesOf({ seconds: 5, probe: { ...unknown, subtitles: titles, truncated: true } }), ['input.truncated'])
  assert.equal(codesOf({ seconds: 5, probe: { ...unknown, durationSeconds: null } }), [])
})

test('counts missing frames where the container has gaps', () => {
  assert.equal(codesOf({ corruption: { gaps: true } }), [])
  const slow = { video: aVideo({ framesPerSecond: 31 }) }
  assert.equal(codesOf({ probe: slow, corruption: { gaps: true } }), ['input.corrupt'])
  assert.equal(codesOf({ probe: slow }), [])
})

test('compares the size of the file with the size that it declares', () => {
  assert.equal(codesOf({ probe: { truncated: true, declaredBytes: 1010, sizeBytes: 1000 } }), [null])
  assert.equal(codesOf({ probe: { truncated: true, declaredBytes: 1100, sizeBytes: 1000 } }), ['input.truncated'])
})

test('accepts a long last frame and an estimated duration', () => {
  assert.equal(codesOf({ seconds: 3, probe: { audio: null, video: aVideo({ packetCount: 300 }) } }), [null])
  assert.equal(codesOf({ seconds: 3, probe: { audio: null, video: aVideo({ packetCount: 400 }) } }), [
    'input.truncated',
  ])
  assert.equal(codesOf({ seconds: 3, probe: { isDurationEstimated: true } }), [])
})

test('dropped frames are a warning', () => {
  assert.equal(codesOf({ droppedFrames: 3 }), [null])
})

test('counts the decoding errors of ffmpeg 5 and 7 by stream', () => {
  const counter = createCorruptionCounter()
  const lines = [
    '[error] Error while decoding stream #0:1: Invalid data found when processing input',
    '[warning] file:/w/source: corrupt decoded frame in stream 0',
    '[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x55] [error] Error submitting packet to decoder: Invalid data found',
    '[vist#0:0/h264 @ 0x55] [dec:h264 @ 0x55] [warning] corrupt decoded frame',
    '[h264 @ 0x55] [error] error while decoding MB 4 0, bytestream 7432',
  ]
  lines.forEach(counter.addLine)
  assert.equal(counter.read(), {
    undecodable: { 0: 3, 1: 1 },
    truncated: false,
    gaps: false,
    nonMonotonic: false,
    detections: [],
  })
})

function isTruncated(line: string): boolean {
  const counter = createCorruptionCounter()
  counter.addLine(line)
  return counter.read().truncated
}

test('recognises the lines for truncated files and for non-monotonic timestamps', () => {
  const signs = [
    '[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55] [error] stream 1, offset 0x4c3b5: partial file',
    '[matroska,webm @ 0x55] [error] File ended prematurely at pos. 331057 (0x50d31)',
    '[avi @ 0x55] [warning] Packet corrupt (stream = 0, dts = 85).',
    '[mp3 @ 0x55] [warning] filesize and duration do not match (growing file?)',
  ]
  assert.equal(signs.map(isTruncated), [true, true, true, true])
  assert.is(isTruncated('[error] File ended prematurely, says a title'), false)
  const counter = createCorruptionCounter()
  counter.addLine(
    '[mp4 @ 0x55] [warning] Non-monotonous DTS in output stream 0:0; previous: 5, current: 4; changing to 6.',
  )
  assert.is(counter.read().nonMonotonic, true)
})

test('collects the detections of filters, with any prefix', () => {
  const counter = createCorruptionCounter()
  const detected = ['[warning] 2.000000', '[Eval @ 0x55] [warning] 1.000000', '[warning] 2.000000']
  const others = ['[info] 3.000000', '[warning] 4.500000', '[warning] a title: 5.000000', '[warning] 1234.000000']
  for (const line of [...detected, ...others]) counter.addLine(line)
  assert.equal(counter.read().detections, [2, 1])
})

test('the index determines the end of the last frame when all frames are present', () => {
  const video = aVideo({ packetCount: 300, durationSeconds: 14 })
  const end = (changes: Partial<Probe>, frames = 300, corruption: Partial<Corruption> = {}) =>
    toVideoEnd({ probe: aProbe({ video, ...changes }), frames, corruption: { ...intact, ...corruption } })
  assert.is(end({}), 14)
  assert.is(end({}, 299), null)
  assert.is(end({}, 300, { truncated: true }), null)
  assert.is(end({}, 300, { gaps: true }), null)
  assert.is(end({ truncated: true }), null)
  assert.is(end({ video: aVideo() }), null)
  assert.is(end({ video: aVideo({ packetCount: 300, durationSeconds: 90_000 }) }), null)
  assert.is(end({ video: { ...video, startSeconds: 0.5 } }), 14.5)
  // reordered frames: the duration of the file counts when only the video can cause it, up to a second longer
  assert.is(end({ audio: null, durationSeconds: 14.2 }), 14.2)
  assert.is(end({ durationSeconds: 14.2 }), 14.2)
  assert.is(end({ durationSeconds: 14.2, audio: anAudio({ durationSeconds: 14.2 }) }), 14)
  assert.is(end({ audio: null, durationSeconds: 14.2, startSeconds: 1 }), 14)
  assert.is(end({ audio: null, durationSeconds: 3600 }), 14)
  const skipped = [{ index: 3, type: 'data', codec: null, reason: 'neither video nor audio' }]
  assert.is(end({ audio: null, durationSeconds: 14.2, skipped }), 14)
})
