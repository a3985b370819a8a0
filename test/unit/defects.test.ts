import * as assert from 'uvu/assert'
import type { Corruption, Probe } from '../../daemon/index.ts'
import { createCorruptionCounter } from '../../daemon/programs/printed/corruption.ts'
import { findDefects, isHeaderInDoubt, toVideoEnd, type PacketFacts } from '../../plugins/transcode/result/defects.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('defects')

const intact: Corruption = { undecodable: {}, truncated: false, gaps: false, nonMonotonic: false, detections: [] }
type Case = {
  probe?: Partial<Probe>
  seconds?: number
  corruption?: Partial<Corruption>
  droppedFrames?: number
  packets?: PacketFacts
}

function codesOf({ probe = {}, seconds = 10, corruption = {}, droppedFrames = 0, packets = {} }: Case) {
  const duration = { durationSeconds: seconds }
  const result = aProbe({ ...duration, video: aVideo(duration), audio: anAudio(duration) })
  const known = { probe: aProbe(probe), result, corruption: { ...intact, ...corruption }, frames: 300 }
  return findDefects({ ...known, droppedFrames, packets }).map(({ code }) => code)
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

test('counts missing frames where the container has gaps, by the gaps between frames', () => {
  const gaps = { gaps: true }
  assert.equal(codesOf({ corruption: gaps }), [])
  assert.equal(codesOf({ corruption: gaps, packets: { missingFrames: 1 } }), [])
  assert.equal(codesOf({ corruption: gaps, packets: { missingFrames: 6 } }), [null])
  assert.equal(codesOf({ corruption: gaps, packets: { missingFrames: 7 } }), ['input.corrupt'])
  assert.equal(codesOf({ packets: { missingFrames: 7 } }), [])
  const faster = { video: aVideo({ framesPerSecond: 60 }) }
  assert.equal(codesOf({ probe: faster, corruption: gaps }), [], 'the rate of the first seconds shows nothing')
})

const short = (undecodable: number) =>
  codesOf({ seconds: 0.3, probe: shortProbe, corruption: { undecodable: { 5: undecodable } } })

test('two audio packets can be corrupt in a file of any length', () => {
  assert.equal([short(1), short(2), short(3)], [[null], [null], ['input.corrupt']])
})

const shortProbe = {
  durationSeconds: 0.3,
  video: aVideo({ durationSeconds: 0.3 }),
  audio: anAudio({ durationSeconds: 0.3 }),
}

const isInDoubt = (probe: Partial<Probe>, corruption: Partial<Corruption> = {}) => {
  const result = aProbe({ video: aVideo({ durationSeconds: 3 }), audio: anAudio({ durationSeconds: 3 }) })
  const known = { result, corruption: { ...intact, ...corruption }, frames: 300, droppedFrames: 0 }
  return isHeaderInDoubt({ probe: aProbe(probe), ...known })
}

test('a duration in the header is wrong if the file has all its bytes and its tracks hold no more', () => {
  const whole = { hasAllBytes: true }
  const held = { heldSeconds: { video: 3, audio: 3 } }
  assert.equal(codesOf({ seconds: 3, probe: whole, packets: held }), [null, null])
  assert.equal(codesOf({ seconds: 3, probe: whole, packets: { heldSeconds: { video: 10, audio: 3 } } }), [
    'input.truncated',
    null,
  ])
  assert.equal(codesOf({ seconds: 3, probe: whole }), ['input.truncated', 'input.truncated'])
  assert.equal(codesOf({ seconds: 3, probe: { truncated: true }, packets: held }), [
    'input.truncated',
    'input.truncated',
  ])
  assert.equal([isInDoubt(whole), isInDoubt({}), isInDoubt(whole, { gaps: true })], [true, false, false])
  assert.is(isInDoubt(whole, { truncated: true }), false)
})

test('containers without a credible duration are never truncated by it', () => {
  const tracks = {
    durationSeconds: 600,
    video: aVideo({ durationSeconds: 600 }),
    audio: anAudio({ durationSeconds: 600 }),
  }
  for (const format of ['mpeg', 'mpegts', 'ogg']) assert.equal(codesOf({ probe: { ...tracks, format } }), [], format)
  assert.equal(codesOf({ probe: { ...tracks, format: 'flv' } }), ['input.truncated', 'input.truncated'])
})

test('an incomplete packet inside an MPEG-TS does not mean that its end is missing', () => {
  const probe = { format: 'mpegts', startSeconds: 1.4 }
  const at = (seconds: number | null) =>
    codesOf({ probe, corruption: { truncated: true, corruptTicks: seconds === null ? null : seconds * 90_000 } })
  assert.equal([at(5), at(11.3), at(null)], [[], [null], [null]])
})

test('streamed audio without video has no last packet', () => {
  const streamed = { video: null, isStreamed: true, isDurationEstimated: true }
  assert.equal(codesOf({ probe: streamed, corruption: { truncated: true } }), [])
  assert.equal(codesOf({ probe: { ...streamed, isStreamed: false }, corruption: { truncated: true } }), [null])
})

test('tracks that the program map does not list to the end are truncated', () => {
  assert.equal(codesOf({ probe: { mappedShare: 0.5 } }), ['input.truncated'])
  assert.equal(codesOf({ probe: { mappedShare: 0.99 } }), [null])
  assert.equal(codesOf({ probe: { mappedShare: 1 } }), [])
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
    corruptTicks: null,
    detections: [],
  })
})

test('keeps the timestamp of the last incomplete packet', () => {
  const counter = createCorruptionCounter()
  counter.addLine('[mpegts @ 0x55] [warning] Packet corrupt (stream = 0, dts = 483357).')
  counter.addLine('[mpegts @ 0x55] [warning] Packet corrupt (stream = 1, dts = 500000).')
  assert.is(counter.read().corruptTicks, 500_000)
  counter.addLine('[wav @ 0x55] [warning] Packet corrupt (stream = 0, dts = NOPTS).')
  assert.is(counter.read().corruptTicks, null)
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
