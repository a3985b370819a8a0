/** Truncated, corrupt and encrypted files in every container. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { findBox } from './boxes.ts'
import { fillWithZeros, flipBits, noise, truncate } from './byte-edits.ts'
import { editFrames } from './ebml.ts'
import { aac, inputs, h264, audioInput, type Maker, type Makers } from './files.ts'

const four = { seconds: 4, size: '320x180' }
/** With `-deadline realtime`, the output would depend on the speed of the machine. */
const vp8 = ['-c:v', 'libvpx', '-deadline', 'good', '-cpu-used', '5', '-b:v', '400k', '-c:a', 'libopus']
const keys = ['-g', '25']
const fragments = ['-movflags', 'frag_keyframe+empty_moov+default_base_moof']

/** ffmpeg options of the complete files. */
const completeFiles = {
  'faststart.mp4': [inputs(four), h264, keys, aac, '-movflags', '+faststart'],
  'index-last.mp4': [inputs(four), h264, keys, aac],
  'fragmented.mp4': [inputs(four), h264, keys, aac, fragments],
  'video.mov': [inputs(four), h264, keys, aac, '-movflags', '+faststart'],
  'video.mkv': [inputs(four), h264, keys, aac],
  'video.webm': [inputs(four), vp8],
  'video.avi': [inputs(four), '-c:v', 'mpeg4', '-q:v', '5', '-c:a', 'libmp3lame'],
  'video.ts': [inputs(four), h264, keys, aac],
  'video.mpg': [inputs(four), '-c:v', 'mpeg2video', '-c:a', 'mp2'],
  'video.flv': [inputs(four), h264, keys, aac],
  'video.wmv': [inputs(four), '-c:v', 'wmv2', '-c:a', 'wmav2'],
  'video.gif': [inputs(four), '-r', '10'],
  'tone.mp3': [audioInput(four), '-c:a', 'libmp3lame'],
  'tone.m4a': [audioInput(four), aac, '-movflags', '+faststart'],
  'tone.flac': [audioInput(four)],
  'tone.wav': [audioInput(four)],
  'tone.aiff': [audioInput(four)],
  'tone.ogg': [audioInput(four), '-c:a', 'libvorbis'],
  'tone.opus': [audioInput(four), '-c:a', 'libopus'],
  'tone.aac': [audioInput(four), '-c:a', 'aac'],
} as const
type CompleteFile = keyof typeof completeFiles

/** Omits random ids and dates, so that each run changes the same bits. An MP3 has none, and would lose its duration. */
const deterministic = ['-fflags', '+bitexact', '-flags', '+bitexact']

/** Creates a complete file and changes its bytes. */
const edited =
  (name: CompleteFile, change: (bytes: Buffer) => Buffer): Maker =>
  async (path) => {
    const complete = `${path}.${name}`
    await ffmpeg([...completeFiles[name].flat(), ...(name === 'tone.mp3' ? [] : deterministic), complete])
    await writeFile(path, change(await readFile(complete)))
    await rm(complete)
  }

export const halves: Makers = Object.fromEntries(
  (Object.keys(completeFiles) as CompleteFile[]).map((name) => [
    `half-${name}`,
    edited(name, (bytes) => truncate(bytes, { share: 0.5 })),
  ]),
)

/** Files that lack only their end or their index, or have trailing junk. */
export const nearlyComplete: Makers = {
  'one-byte-short.mp4': edited('faststart.mp4', (bytes) => truncate(bytes, { without: 1 })),
  'one-byte-short.mkv': edited('video.mkv', (bytes) => truncate(bytes, { without: 1 })),
  'one-byte-short.ts': edited('video.ts', (bytes) => truncate(bytes, { without: 1 })),
  'one-byte-short.wav': edited('tone.wav', (bytes) => truncate(bytes, { without: 1 })),
  'one-byte-short.flac': edited('tone.flac', (bytes) => truncate(bytes, { without: 1 })),
  'without-index.avi': edited('video.avi', (bytes) => bytes.subarray(0, bytes.lastIndexOf('idx1'))),
  'trailing-junk.mp4': edited('faststart.mp4', (bytes) => Buffer.concat([bytes, noise(5000)])),
  'trailing-junk.mp3': edited('tone.mp3', (bytes) => Buffer.concat([bytes, Buffer.alloc(5000, 'TAG+')])),
}

/** Returns the position of the media data of an mp4, as fractions of the file. */
function mediaData(bytes: Buffer): { from: number; to: number } {
  const { bodyStart, end } = findBox(bytes, 'mdat')
  return { from: bodyStart / bytes.length, to: end / bytes.length }
}

export const corrupt: Makers = {
  'bit-flips.mp4': edited('faststart.mp4', (bytes) => flipBits(bytes, { count: 200, seed: 7, ...mediaData(bytes) })),
  'one-bit.mp4': edited('faststart.mp4', (bytes) => flipBits(bytes, { count: 1, seed: 7, ...mediaData(bytes) })),
  'bit-flips.mkv': edited('video.mkv', (bytes) => flipBits(bytes, { count: 200, seed: 7 })),
  'bit-flips.webm': edited('video.webm', (bytes) => editFrames(bytes, 1, flipCoefficients)),
  'bit-flips.ts': edited('video.ts', (bytes) => flipBits(bytes, { count: 300, seed: 7 })),
  'bit-flips.avi': edited('video.avi', (bytes) => flipBits(bytes, { count: 300, seed: 7 })),
  'bit-flips.mp3': edited('tone.mp3', (bytes) => flipBits(bytes, { count: 200, seed: 7 })),
  'bit-flips.flac': edited('tone.flac', (bytes) => flipBits(bytes, { count: 100, seed: 7 })),
  'zero-hole.mp4': edited('faststart.mp4', (bytes) => fillWithZeros(bytes, { at: 0.4, share: 0.3 })),
  'zero-hole.mkv': edited('video.mkv', (bytes) => fillWithZeros(bytes, { at: 0.4, share: 0.3 })),
  'zero-hole.ts': edited('video.ts', (bytes) => fillWithZeros(bytes, { at: 0.4, share: 0.3 })),
  'noise-hole.webm': edited('video.webm', (bytes) =>
    Buffer.concat([bytes.subarray(0, bytes.length >> 1), noise(20_000), bytes.subarray((bytes.length >> 1) + 20_000)]),
  ),
  'leading-garbage.mp3': edited('tone.mp3', (bytes) => Buffer.concat([noise(100_000, 3), bytes])),
  'header-only.mkv': edited('video.mkv', (bytes) => bytes.subarray(0, 600)),
  'header-only.mp4': edited('faststart.mp4', (bytes) => bytes.subarray(0, findBox(bytes, 'mdat').bodyStart)),
  'zeroed-data.mp4': edited('faststart.mp4', (bytes) => fillWithZeros(bytes, { at: mediaData(bytes).from, share: 1 })),
}

/**
 * Gives one frame of VP8 a first partition that is longer than the frame, which every decoder detects, and flips bits
 * in the coefficients of later frames, which none detects. The offsets of frames depend on the version of the encoder.
 */
function flipCoefficients(frame: Buffer, n: number): void {
  if (n === 50) frame.fill(0xff, 1, 3)
  else if (n > 25) flipBits(frame, { count: 3, seed: n, from: 3 / 4 }).copy(frame)
}

const encryption = [
  ['-encryption_scheme', 'cenc-aes-ctr', '-encryption_key', '76a6c65c5ea762046bd749a2e632ccbb'],
  ['-encryption_kid', 'a7e61c373e219033c21091fa607bf3b8'],
].flat()

export const encrypted: Makers = {
  'encrypted.mp4': (path) => ffmpeg([...inputs(four), ...h264, ...aac, ...encryption, path]),
  'encrypted-fragments.mp4': (path) => ffmpeg([...inputs(four), ...h264, ...aac, ...encryption, ...fragments, path]),
  'encrypted-audio.mp4': (path) => ffmpeg([...audioInput(four), ...aac, ...encryption, path]),
}
