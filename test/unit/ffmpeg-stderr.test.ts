import * as assert from 'uvu/assert'
import { classify, createTail, toExitError, type Facts } from '../../daemon/programs/printed/stderr.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('ffmpeg-stderr')

/** A program of which every printed claim is true. */
const broken: Facts = { lacks: () => true, writes: true }

/** Lines that real programs printed, and their error codes. From ffmpeg 5.1 unless noted. */
const table: readonly [line: string, code: string | null][] = [
  [
    '[Parsed_bwdif_1 @ 0x557a] [error] Video with planes less than 3 columns or 4 lines is not supported',
    'input.corrupt',
  ],
  ['[error] av_interleaved_write_frame(): No space left on device', 'resource.disk'],
  ['[error] Error writing trailer of file:out.mp4: No space left on device', 'resource.disk'],
  ['[libx264 @ 0x55d0] [error] malloc of size 3133440 failed', 'resource.memory'],
  ['SvtMalloc[fatal]: allocate memory failed, at ./Source/Lib/Encoder/Codec/EbCodingUnit.c:121', 'resource.memory'],
  ['x265 [error]: memory allocation failure, aborting encode', 'resource.memory'],
  ['[error] Error while filtering: Cannot allocate memory', 'resource.memory'],
  ['[AVIOContext @ 0x1] [error] file:in: Too many open files', 'resource.memory'],
  ['[fatal] ff_frame_thread_init failed: Resource temporarily unavailable', 'resource.memory'],
  ["[fatal] Unknown encoder 'libx266'", 'config.ffmpeg'],
  ["[AVFilterGraph @ 0x1] [error] No such filter: 'zscale'", 'config.ffmpeg'],
  ["[hls @ 0x1] [error] Format not on whitelist 'mov,mp4'", 'input.not_media'],
  ["[matroska @ 0x1] [error] Protocol 'http' not on whitelist 'file'!", 'input.not_media'],
  ['[error] file:source: Invalid data found when processing input', 'input.not_media'],
  ['[error] file:-a: b: Invalid argument', 'input.not_media'],
  ['[in#0 @ 0x1] [error] Error opening input: Invalid data found when processing input', 'input.not_media'], // 7.1
  [
    '[mov,mp4,m4a @ 0x1] [warning] Format mov,mp4,m4a detected only with low score of 1, misdetection possible!',
    'input.not_media',
  ],
  ['[mov,mp4,m4a @ 0x1] [error] moov atom not found', 'input.corrupt'],
  [
    '[h264 @ 0x1] [IMGUTILS @ 0x2] [error] Picture size 8192x8192 exceeds specified max pixel count 35389440',
    'input.too_many_pixels',
  ],
  ['[gif @ 0x1] [IMGUTILS @ 0x2] [error] Picture size 65535x65535 is invalid', 'input.too_many_pixels'],
  ['[h264 @ 0x1] [IMGUTILS @ 0x2] [error] Picture size 0x0 is invalid', null],
  ['[error] Decoder (codec vvc) not found for input stream #0:0', 'input.unsupported_codec'],
  ['[vist#0:0 @ 0x1] [fatal] Decoding requested, but no decoder found for: vvc', 'input.unsupported_codec'], // 7.1
  [
    '[aac @ 0x1] [warning] Audio object type 42 is not implemented. Update your FFmpeg version',
    'input.unsupported_codec',
  ],
  ['[error] Error while decoding stream #0:0: Invalid data found when processing input', 'input.corrupt'],
  ['[vist#0:0/vp9 @ 0x1] [error] Error submitting packet to decoder: Invalid data found', 'input.corrupt'], // 7.1
  ['[error] Cannot determine format of input stream 0:0 after EOF', 'input.corrupt'],
  ['[error] Error while opening encoder for output stream #0:0 - maybe incorrect parameters', null],
  ['[error] Error initializing output: Invalid argument', null],
  ['[error] Conversion failed!', null],
]

for (const [line, code] of table) {
  test(`classifies: ${line}`, () =>
    assert.is(classify(['[warning] something before', line, 'after'], broken)?.code ?? null, code))
}

test('errors of the machine take precedence over those of the file, in any order', () => {
  const lines = ['[error] x: Cannot allocate memory', '[error] file:in: Invalid data found when processing input']
  assert.is(classify(lines)?.code, 'resource.memory')
  assert.is(classify(lines.toReversed())?.code, 'resource.memory')
})

test('ignores claims about the machine that a file makes ffmpeg print', () => {
  const claims = [
    '[error] av_interleaved_write_frame(): No space left on device',
    "[fatal] Unknown encoder 'libx264'",
    "[AVFilterGraph @ 0x1] [error] No such filter: 'scale'",
  ]
  for (const claim of claims) assert.is(classify([claim]), null)
  const cover = '[flac @ 0x1] [warning] Unknown attached picture mimetype: malloc of size 9 failed, skipping.'
  assert.is(classify([cover], broken), null)
  assert.is(classify(["[warning] mimetype: No such filter: 'x', skipping."], broken), null)
})

test('a message contains the name from the line', () => {
  assert.match(classify(["Unknown encoder 'libx266'"], broken)?.message ?? '', 'no encoder libx266')
  assert.match(classify(["Unknown encoder '$&$1'"], broken)?.message ?? '', 'no encoder $&$1')
})

test('an unknown exit shows the first error, which caused the others, and not the last line', () => {
  const end = { program: 'ffmpeg', exitCode: 1, facts: broken, fallback: 'internal.ffmpeg' }
  const messageOf = (...lines: string[]) => toExitError({ ...end, lines }).message
  const later = ['[error] Error initializing output stream 0:0 -- x', '[fatal] Conversion failed!']
  for (const [line, shown] of [
    ['[libx264 @ 0x55d0] [error] Error setting profile x.', '[libx264 @ 0x55d0] [error] Error setting profile x.'],
    ['[fatal] Unrecognized option', '[fatal] Unrecognized option'],
    ['x265 [error]: preset unknown', 'x265 [error]: preset unknown'],
    ['Svt[error]: Instance 1: preset', 'Svt[error]: Instance 1: preset'],
  ] as const)
    assert.is(messageOf('[warning] [error] in a title', line, ...later), `ffmpeg failed with exit code 1: ${shown}`)
  assert.is(messageOf('[warning] first', '[warning] last'), 'ffmpeg failed with exit code 1: [warning] last')
})

test('an unknown exit gets the fallback, with exit code and last line', () => {
  const error = toExitError({
    program: 'ffmpeg',
    exitCode: 234,
    lines: ['a', 'b c'],
    facts: broken,
    fallback: 'internal.ffmpeg',
  })
  assert.is(error.code, 'internal.ffmpeg')
  assert.is(error.message, 'ffmpeg failed with exit code 234: b c')
  assert.equal(error.stderr, ['a', 'b c'])
})

test('keeps the last 20 lines, also across chunks', () => {
  const tail = createTail()
  const text = Array.from({ length: 50 }, (_, n) => `line ${n}`).join('\n')
  for (let at = 0; at < text.length; at += 7) tail.write(text.slice(at, at + 7))
  assert.equal(
    tail.lines(),
    Array.from({ length: 20 }, (_, n) => `line ${n + 30}`),
  )
})

test('removes control characters, invisible characters and colours', () => {
  const tail = createTail()
  tail.write('\u001B[31mred\u001B[0m\ta\u0007b\0c\u202Ed\r50%\r100%\n\n')
  assert.equal(tail.lines(), ['red abcd', '50%', '100%'])
})

test('truncates long lines, and keeps output without line ends as one line', () => {
  const tail = createTail()
  for (let n = 0; n < 1000; n++) tail.write('x'.repeat(65_536))
  assert.equal(tail.lines(), ['x'.repeat(500)])
  tail.write('\nend')
  assert.equal(tail.lines(), ['x'.repeat(500), 'end'])
})

test('leaves out the settings of encoders and the detections of filters', () => {
  const tail = createTail()
  tail.write('[error] first\n[warning] 1.000000\nSvt[info]: SVT [build]\nx265 [info]: HEVC encoder\nlast\n')
  assert.equal(tail.lines(), ['[error] first', 'last'])
})
