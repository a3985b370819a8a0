/**
 * Makes the programs on PATH print every line that mediad reads, and compares that with the releases that the table names:
 * run with each tested release, this proves the table.
 */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { testedVersions } from '../../daemon/programs/versions.ts'
import { printed } from '../../daemon/programs/printed-lines.ts'
import { ffmpegRelease, isOfRelease } from '../helpers/ffmpeg-version.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { pixelBombs } from './synthetic/bombs.ts'
import { damaged, halves, nearlyWhole } from './synthetic/cuts.ts'
import { toMatroska } from './synthetic/ebml.ts'
import { aac, by, createFiles, film, h264, type Maker, type Makers } from './synthetic/files.ts'
import { broken } from './synthetic/times.ts'

type Name = keyof typeof printed

/** A command that prints the line, or what one has printed and why it cannot be run here. */
type Proof = readonly string[] | { readonly recorded: string; readonly reason: string }

const ffmpeg = ['ffmpeg', '-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning']
const ffprobe = ['ffprobe', '-loglevel', 'level+warning']
const toNull = ['-f', 'null', '-']
/** `@name` stands for the path of a file below. */
const decode = (name: string, ...options: string[]) => [...ffmpeg, '-i', `file:@${name}`, ...options, ...toNull]
const small = ['-f', 'lavfi', '-i', 'color=s=64x64:r=5:d=0.4']
const ownMemory = 'the encoder allocates memory by itself, and how much is enough differs from machine to machine'

const proofs: Readonly<Record<Name, Proof>> = {
  diskFull: [...ffmpeg, '-i', '@film.mkv', '-c', 'copy', '-f', 'matroska', '-y', 'file:/dev/full'],
  noMemory: [...ffmpeg, '-max_alloc', '20000', '-i', '@film.mkv', ...toNull],
  noMemoryForLibraries: ['prlimit', '--as=30000000', ...ffmpeg, '-version'],
  noMemoryForX264: { recorded: '[libx264 @ 0x55d0] [error] malloc of size 3133440 failed', reason: ownMemory },
  noMemoryForSvtAv1: {
    recorded: 'SvtMalloc[fatal]: allocate memory failed, at ./Source/Lib/Encoder/Codec/EbCodingUnit.c:121',
    reason: ownMemory,
  },
  noMemoryForX265: { recorded: 'x265 [error]: memory allocation failure, aborting encode', reason: ownMemory },
  noFileHandle: [
    'prlimit',
    '--nofile=11',
    ...ffmpeg,
    ...Array.from({ length: 12 }, () => ['-i', '@film.mkv']).flat(),
    ...toNull,
  ],
  noFileHandleForLibraries: ['prlimit', '--nofile=3', ...ffmpeg, '-version'],
  noThread: {
    recorded: '[fatal] ff_frame_thread_init failed: Resource temporarily unavailable',
    reason: 'root, whom tests may run as, has no limit of threads',
  },
  noEncoder: decode('film.mkv', '-c:v', 'libx266'),
  noFilter: decode('film.mkv', '-vf', 'nofilter'),

  tooManyStreams: [...ffmpeg, '-max_streams', '1', '-i', '@film.mp4', ...toNull],
  tooManyTracks: [...ffmpeg, '-max_streams', '1', '-i', '@film.mkv', ...toNull],
  formatRefused: [...ffprobe, '-format_whitelist', 'mov,matroska', '@list.m3u8'],
  protocolRefused: [...ffprobe, '-protocol_whitelist', 'file', 'http://127.0.0.1:9/x'],
  lowScore: [...ffprobe, '@empty.mp4'],
  notMedia: [...ffprobe, 'file:@text.mp4'],
  notMediaInFfmpeg: decode('text.mp4'),
  noIndex: decode('half-index-last.mp4'),
  endedEarly: decode('half-film.mkv'),
  partialFile: decode('half-faststart.mp4'),
  lengthGuessed: [...ffprobe, '@last-byte.wav'],

  unsupportedCodec: [...ffprobe, '@unknown-codec.mp4'],
  noDecoder: decode('unknown-codec.mp4', '-map', '0:a'),
  noDecoderFor: decode('unknown-codec.mp4', '-map', '0:a'),
  notImplemented: decode('unknown-profile.mp4'),
  tooManyPixels: [...ffprobe, '-max_pixels', '100', '@film.mkv'],
  sizeInvalid: [...ffprobe, '@bomb-65k.gif'],
  tooSmallToDeinterlace: [...ffmpeg, '-f', 'lavfi', '-i', 'color=s=2x2:d=0.1', '-vf', 'bwdif', ...toNull],
  decodingFailed: decode('no-pictures.mp4', '-map', '0:a'),
  packetRefused: decode('bit-flips.webm', '-map', '0:v'),
  frameRefused: decode('last-byte.flac'),
  tooManyErrors: decode('no-pictures.mp4', '-map', '0:a'),
  noFormat: decode('no-pictures.mp4', '-map', '0:v'),
  noParameters: [...ffprobe, '@unknown-profile.mp4'],
  noParser: [...ffprobe, '@unknown-profile.mp4'],
  noStream: decode('film.mkv', '-map', '0:9'),

  streamError: decode('bit-flips.webm', '-map', '0:v'),
  decoderError: decode('bit-flips.webm', '-map', '0:v'),
  corruptFrame: decode('bit-flips.mp4', '-map', '0:v'),
  corruptFrameOf: decode('bit-flips.mp4', '-map', '0:v'),
  partial: decode('half-faststart.mp4'),
  ended: decode('half-film.mkv'),
  corruptPacket: decode('last-byte.wav'),
  corruptInput: decode('last-byte.wav'),
  corruptInputOf: decode('last-byte.wav'),
  shorterThanHeader: decode('half-tone.mp3'),
  noElement: decode('zero-hole.mkv'),
  unknownSize: decode('endless-block.mkv'),
  disorder: [...ffmpeg, '-i', '@falling.mkv', '-c', 'copy', '-f', 'mp4', '-y', '/dev/null'],
  disorderOf: [...ffmpeg, '-i', '@falling.mkv', '-c', 'copy', '-f', 'mp4', '-y', '/dev/null'],
  note: [...ffmpeg, ...small, '-vf', "select='print(7,24)'", ...toNull],

  svtAv1Settings: [...ffmpeg, ...small, '-c:v', 'libsvtav1', '-preset', '12', ...toNull],
  x265Settings: [...ffmpeg, ...small, '-c:v', 'libx265', '-preset', 'ultrafast', ...toNull],
  deprecatedFormat: [...ffmpeg, ...small, '-frames:v', '1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', ...toNull],
}

const holding =
  (content: Buffer | string): Maker =>
  (path) =>
    writeFile(path, content)

/** An ordinary film with other bytes in the description of its audio track. */
const redescribed =
  (change: (description: Buffer) => void): Maker =>
  async (path) => {
    await by(film(), h264, aac)(path)
    const bytes = await readFile(path)
    change(bytes.subarray(bytes.lastIndexOf('stsd')))
    await writeFile(path, bytes)
  }

/** The tag before the description of the AAC stream: its object type is in the first five bits of what follows. */
const descriptor = Buffer.from([0x05, 0x80, 0x80, 0x80])

const made: Makers = {
  ...broken,
  ...damaged,
  ...halves,
  ...nearlyWhole,
  'film.mp4': by(film(), h264, aac),
  'film.mkv': by(film(), h264, aac),
  'list.m3u8': holding('#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n'),
  'empty.mp4': holding(''),
  'text.mp4': holding('hello, I am a text file\n'.repeat(50)),
  ...pixelBombs,
  'endless-block.mkv': (path) => {
    const bytes = toMatroska({})
    bytes.write('01ffffffffffffff', bytes.lastIndexOf(Buffer.from('a301', 'hex')) + 1, 'hex')
    return writeFile(path, bytes)
  },
  'unknown-codec.mp4': redescribed((description) => {
    description.write('mha1', description.indexOf('mp4a'), 'latin1')
    description.write('free', description.indexOf('esds'), 'latin1')
  }),
  'unknown-profile.mp4': redescribed((description) => {
    description.writeUInt8((7 << 3) | 2, description.indexOf(descriptor) + descriptor.length + 1)
  }),
}

const test = suite('printed lines')

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let files: (name: string) => Promise<string>
test.before(async () => {
  folder = await temporaryFolder()
  files = createFiles(join(folder.path, 'sources'), made)
})
test.after(async () => folder[Symbol.asyncDispose]())

/** What a program prints on stderr, whatever it ends with. */
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

for (const [name, proof] of Object.entries(proofs) as [Name, Proof][]) {
  const { pattern, releases } = printed[name]
  if ('recorded' in proof) {
    test(`${name} is as recorded: ${proof.reason}`, () => assert.match(proof.recorded, pattern))
    continue
  }
  test(`${name} is printed by ${releases}`, async () => {
    const lines = await run(proof)
    const found = lines.filter((line) => pattern.test(line))
    assert.is(found.length > 0, isOfRelease(releases), `by ${ffmpegRelease}: ${lines.join('\n').slice(-2000)}`)
  })
}

test('every line names tested releases, and is in use', async () => {
  const known: ReadonlySet<string> = new Set(testedVersions.map(({ release }) => release))
  for (const { releases } of Object.values(printed))
    assert.ok(
      releases.split(' ').every((release) => known.has(release)),
      releases,
    )
  const sources = ['programs/stderr.ts', 'programs/corruption.ts', 'probe/probe.ts', 'probe/parse.ts']
  const root = join(import.meta.dirname, '../../daemon')
  const text = (await Promise.all(sources.map((source) => readFile(join(root, source), 'utf8')))).join('')
  const unused = Object.keys(printed).filter((name) => !new RegExp(String.raw`\bprinted\.${name}\b`).test(text))
  assert.equal(unused, [])
})
