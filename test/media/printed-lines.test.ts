/**
 * Makes the programs in PATH print each line that mediad parses, and compares the result with the releases in the
 * table. A run with each tested release verifies the whole table.
 */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { testedVersions } from '../../daemon/programs/versions.ts'
import { printed } from '../../daemon/programs/printed/lines.ts'
import { ffmpegRelease, isOfRelease } from '../helpers/ffmpeg-version.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { pixelBombs } from './synthetic/bombs.ts'
import { corrupt, halves, nearlyComplete } from './synthetic/corrupt.ts'
import { createMatroska } from './synthetic/ebml.ts'
import { aac, encode, createFiles, inputs, h264, writeContent, type Maker, type Makers } from './synthetic/files.ts'
import { scrambled } from './synthetic/scrambled.ts'
import { brokenTimestamps } from './synthetic/timestamps.ts'

type Name = keyof typeof printed

/** A command that prints the line, or a recorded line and the reason why the command cannot run in a test. */
type Example = readonly string[] | { readonly recorded: string; readonly reason: string }

const ffmpeg = ['ffmpeg', '-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning']
const ffprobe = ['ffprobe', '-loglevel', 'level+warning']
const toNull = ['-f', 'null', '-']
/** `@name` is replaced by the path of a file in `makers`. */
const decode = (name: string, ...options: string[]) => [...ffmpeg, '-i', `file:@${name}`, ...options, ...toNull]
const small = ['-f', 'lavfi', '-i', 'color=s=64x64:r=5:d=0.4']
const encoderMemory = 'the encoder allocates memory outside of -max_alloc, and the amount depends on the machine'

const examples: Readonly<Record<Name, Example>> = {
  diskFull: [...ffmpeg, '-i', '@video.mkv', '-c', 'copy', '-f', 'matroska', '-y', 'file:/dev/full'],
  noMemory: [...ffmpeg, '-max_alloc', '20000', '-i', '@video.mkv', ...toNull],
  noMemoryForLibraries: ['prlimit', '--as=30000000', ...ffmpeg, '-version'],
  noMemoryForX264: { recorded: '[libx264 @ 0x55d0] [error] malloc of size 3133440 failed', reason: encoderMemory },
  noMemoryForSvtAv1: {
    recorded: 'SvtMalloc[fatal]: allocate memory failed, at ./Source/Lib/Encoder/Codec/EbCodingUnit.c:121',
    reason: encoderMemory,
  },
  noMemoryForX265: { recorded: 'x265 [error]: memory allocation failure, aborting encode', reason: encoderMemory },
  noFileHandle: [
    'prlimit',
    '--nofile=11',
    ...ffmpeg,
    ...Array.from({ length: 12 }, () => ['-i', '@video.mkv']).flat(),
    ...toNull,
  ],
  noFileHandleForLibraries: ['prlimit', '--nofile=3', ...ffmpeg, '-version'],
  noThread: {
    recorded: '[fatal] ff_frame_thread_init failed: Resource temporarily unavailable',
    reason: 'tests can run as root, which has no thread limit',
  },
  noEncoder: decode('video.mkv', '-c:v', 'libx266'),
  noFilter: decode('video.mkv', '-vf', 'nofilter'),

  tooManyStreams: [...ffmpeg, '-max_streams', '1', '-i', '@video.mp4', ...toNull],
  tooManyTracks: [...ffmpeg, '-max_streams', '1', '-i', '@video.mkv', ...toNull],
  formatRefused: [...ffprobe, '-format_whitelist', 'mov,matroska', '@list.m3u8'],
  protocolRefused: [...ffprobe, '-protocol_whitelist', 'file', 'http://127.0.0.1:9/x'],
  lowScore: [...ffprobe, '@empty.mp4'],
  notMedia: [...ffprobe, 'file:@text.mp4'],
  notMediaInFfmpeg: decode('text.mp4'),
  noIndex: decode('half-index-last.mp4'),
  endedEarly: decode('half-video.mkv'),
  partialFile: decode('half-faststart.mp4'),
  durationEstimated: [...ffprobe, '@one-byte-short.wav'],
  protectedStream: [...ffprobe, '@protected.wma'],

  unsupportedCodec: [...ffprobe, '@unknown-codec.mp4'],
  noDecoder: decode('unknown-codec.mp4', '-map', '0:a'),
  noDecoderNewer: decode('unknown-codec.mp4', '-map', '0:a'),
  notImplemented: decode('unknown-profile.mp4'),
  tooManyPixels: [...ffprobe, '-max_pixels', '100', '@video.mkv'],
  sizeInvalid: [...ffprobe, '@bomb-65k.gif'],
  tooSmallToDeinterlace: [...ffmpeg, '-f', 'lavfi', '-i', 'color=s=2x2:d=0.1', '-vf', 'bwdif', ...toNull],
  decodingFailed: decode('zeroed-data.mp4', '-map', '0:a'),
  packetRefused: decode('bit-flips.webm', '-map', '0:v'),
  frameRefused: decode('one-byte-short.flac'),
  tooManyErrors: decode('zeroed-data.mp4', '-map', '0:a'),
  noFormat: decode('zeroed-data.mp4', '-map', '0:v'),
  noParameters: [...ffprobe, '@unknown-profile.mp4'],
  noParser: [...ffprobe, '@unknown-profile.mp4'],
  noStream: decode('video.mkv', '-map', '0:9'),

  streamError: decode('bit-flips.webm', '-map', '0:v'),
  decoderError: decode('bit-flips.webm', '-map', '0:v'),
  corruptFrame: decode('bit-flips.mp4', '-map', '0:v'),
  corruptFrameNewer: decode('bit-flips.mp4', '-map', '0:v'),
  partial: decode('half-faststart.mp4'),
  ended: decode('half-video.mkv'),
  corruptPacket: decode('one-byte-short.wav'),
  corruptInput: decode('one-byte-short.wav'),
  corruptInputNewer: decode('one-byte-short.wav'),
  shorterThanHeader: decode('half-tone.mp3'),
  invalidElement: decode('zero-hole.mkv'),
  unknownSize: decode('unknown-size-block.mkv'),
  nonMonotonic: [...ffmpeg, '-i', '@decreasing.mkv', '-c', 'copy', '-f', 'mp4', '-y', '/dev/null'],
  nonMonotonicNewer: [...ffmpeg, '-i', '@decreasing.mkv', '-c', 'copy', '-f', 'mp4', '-y', '/dev/null'],
  detection: [...ffmpeg, ...small, '-vf', "select='print(7,24)'", ...toNull],

  svtAv1Settings: [...ffmpeg, ...small, '-c:v', 'libsvtav1', '-preset', '12', ...toNull],
  x265Settings: [...ffmpeg, ...small, '-c:v', 'libx265', '-preset', 'ultrafast', ...toNull],
  deprecatedFormat: [...ffmpeg, ...small, '-frames:v', '1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', ...toNull],
}

/** Creates an ordinary video and edits the sample description of its audio track. */
const withAudioDescription =
  (change: (description: Buffer) => void): Maker =>
  async (path) => {
    await encode(inputs(), h264, aac)(path)
    const bytes = await readFile(path)
    change(bytes.subarray(bytes.lastIndexOf('stsd')))
    await writeFile(path, bytes)
  }

/** The tag of the decoder-specific info. The next byte is its length; then come five bits with the AAC object type. */
const descriptor = Buffer.from([0x05, 0x80, 0x80, 0x80])

const makers: Makers = {
  ...brokenTimestamps,
  ...corrupt,
  ...halves,
  ...nearlyComplete,
  ...scrambled,
  'video.mp4': encode(inputs(), h264, aac),
  'video.mkv': encode(inputs(), h264, aac),
  'list.m3u8': writeContent('#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n'),
  'empty.mp4': writeContent(''),
  'text.mp4': writeContent('hello, I am a text file\n'.repeat(50)),
  ...pixelBombs,
  'unknown-size-block.mkv': (path) => {
    const bytes = createMatroska({})
    bytes.write('01ffffffffffffff', bytes.lastIndexOf(Buffer.from('a301', 'hex')) + 1, 'hex')
    return writeFile(path, bytes)
  },
  'unknown-codec.mp4': withAudioDescription((description) => {
    description.write('mha1', description.indexOf('mp4a'), 'latin1')
    description.write('free', description.indexOf('esds'), 'latin1')
  }),
  'unknown-profile.mp4': withAudioDescription((description) => {
    description.writeUInt8((7 << 3) | 2, description.indexOf(descriptor) + descriptor.length + 1)
  }),
}

const test = suite('printed lines', { exhaustive: true })

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let files: (name: string) => Promise<string>
test.before(async () => {
  folder = await temporaryFolder()
  files = createFiles(join(folder.path, 'sources'), makers)
})
test.after(async () => folder[Symbol.asyncDispose]())

/** Returns the lines that a program prints to stderr, whatever its exit code. */
async function run(words: readonly string[]): Promise<string[]> {
  const [program = '', ...options] = await Promise.all(
    words.map(async (word) => {
      const name = /^(?:file:)?@(.*)$/.exec(word)?.[1]
      return name === undefined ? word : word.replace(`@${name}`, await files(name))
    }),
  )
  const { promise, resolve } = Promise.withResolvers<string[]>()
  const env = { PATH: process.env.PATH, LC_ALL: 'C' }
  execFile(program, options, { env, cwd: folder.path }, (_error, _stdout, stderr) => resolve(stderr.split(/[\r\n]+/)))
  return promise
}

for (const [name, example] of Object.entries(examples) as [Name, Example][]) {
  const { pattern, releases } = printed[name]
  if ('recorded' in example) {
    test(`${name} matches the recorded line: ${example.reason}`, () => assert.match(example.recorded, pattern))
    continue
  }
  test(`${name} is printed by ${releases}`, async () => {
    const lines = await run(example)
    const found = lines.filter((line) => pattern.test(line))
    assert.is(found.length > 0, isOfRelease(releases), `with ${ffmpegRelease}: ${lines.join('\n').slice(-2000)}`)
  })
}

test('every line has only tested releases and is used', async () => {
  const known: ReadonlySet<string> = new Set(testedVersions.map(({ release }) => release))
  for (const { releases } of Object.values(printed))
    assert.ok(
      releases.split(' ').every((release) => known.has(release)),
      releases,
    )
  const sources = ['programs/printed/stderr.ts', 'programs/printed/corruption.ts', 'probe/inspect.ts', 'probe/parse.ts']
  const root = join(import.meta.dirname, '../../daemon')
  const text = (await Promise.all(sources.map((source) => readFile(join(root, source), 'utf8')))).join('')
  const unused = Object.keys(printed).filter((name) => !new RegExp(String.raw`\bprinted\.${name}\b`).test(text))
  assert.equal(unused, [])
})
