/** Every container, cut in half, and damaged in the middle. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { findBox } from './boxes.ts'
import { cut, flipBits, noise, zeroHole } from './damage.ts'
import { editFrames } from './ebml.ts'
import { aac, film, h264, sound, type Maker, type Makers } from './files.ts'

const four = { seconds: 4, size: '320x180' }
/** `realtime` would code as well as the machine has time to: another file each time. */
const vp8 = ['-c:v', 'libvpx', '-deadline', 'good', '-cpu-used', '5', '-b:v', '400k', '-c:a', 'libopus']
const keys = ['-g', '25']
const fragments = ['-movflags', 'frag_keyframe+empty_moov+default_base_moof']

/** What is cut or damaged: ffmpeg's options for each kind of file, by its extension. */
const wholes = {
  'faststart.mp4': [film(four), h264, keys, aac, '-movflags', '+faststart'],
  'index-last.mp4': [film(four), h264, keys, aac],
  'fragmented.mp4': [film(four), h264, keys, aac, fragments],
  'film.mov': [film(four), h264, keys, aac, '-movflags', '+faststart'],
  'film.mkv': [film(four), h264, keys, aac],
  'film.webm': [film(four), vp8],
  'film.avi': [film(four), '-c:v', 'mpeg4', '-q:v', '5', '-c:a', 'libmp3lame'],
  'film.ts': [film(four), h264, keys, aac],
  'film.mpg': [film(four), '-c:v', 'mpeg2video', '-c:a', 'mp2'],
  'film.flv': [film(four), h264, keys, aac],
  'film.wmv': [film(four), '-c:v', 'wmv2', '-c:a', 'wmav2'],
  'film.gif': [film(four), '-r', '10'],
  'tone.mp3': [sound(four), '-c:a', 'libmp3lame'],
  'tone.m4a': [sound(four), aac, '-movflags', '+faststart'],
  'tone.flac': [sound(four)],
  'tone.wav': [sound(four)],
  'tone.aiff': [sound(four)],
  'tone.ogg': [sound(four), '-c:a', 'libvorbis'],
  'tone.opus': [sound(four), '-c:a', 'libopus'],
  'tone.aac': [sound(four), '-c:a', 'aac'],
} as const
type Whole = keyof typeof wholes

/** No random ids and no dates: the same bits are damaged each time. (An MP3 has none, and would go without its length.) */
const same = ['-fflags', '+bitexact', '-flags', '+bitexact']

/** Makes a whole file and changes its bytes. */
const changed =
  (name: Whole, change: (bytes: Buffer) => Buffer): Maker =>
  async (path) => {
    const whole = `${path}.${name}`
    await ffmpeg([...wholes[name].flat(), ...(name === 'tone.mp3' ? [] : same), whole])
    await writeFile(path, change(await readFile(whole)))
    await rm(whole)
  }

export const halves: Makers = Object.fromEntries(
  (Object.keys(wholes) as Whole[]).map((name) => [
    `half-${name}`,
    changed(name, (bytes) => cut(bytes, { share: 0.5 })),
  ]),
)

/** Cut by so little that most would not notice. */
export const nearlyWhole: Makers = {
  'last-byte.mp4': changed('faststart.mp4', (bytes) => cut(bytes, { without: 1 })),
  'last-byte.mkv': changed('film.mkv', (bytes) => cut(bytes, { without: 1 })),
  'last-byte.ts': changed('film.ts', (bytes) => cut(bytes, { without: 1 })),
  'last-byte.wav': changed('tone.wav', (bytes) => cut(bytes, { without: 1 })),
  'last-byte.flac': changed('tone.flac', (bytes) => cut(bytes, { without: 1 })),
  'without-index.avi': changed('film.avi', (bytes) => bytes.subarray(0, bytes.lastIndexOf('idx1'))),
  'junk-behind.mp4': changed('faststart.mp4', (bytes) => Buffer.concat([bytes, noise(5000)])),
  'junk-behind.mp3': changed('tone.mp3', (bytes) => Buffer.concat([bytes, Buffer.alloc(5000, 'TAG+')])),
}

/** Where the pictures and the sound of an mp4 lie, as shares of the file. */
function inside(bytes: Buffer): { from: number; to: number } {
  const { bodyStart, end } = findBox(bytes, 'mdat')
  return { from: bodyStart / bytes.length, to: end / bytes.length }
}

export const damaged: Makers = {
  'bit-flips.mp4': changed('faststart.mp4', (bytes) => flipBits(bytes, { count: 200, seed: 7, ...inside(bytes) })),
  'one-bit.mp4': changed('faststart.mp4', (bytes) => flipBits(bytes, { count: 1, seed: 7, ...inside(bytes) })),
  'bit-flips.mkv': changed('film.mkv', (bytes) => flipBits(bytes, { count: 200, seed: 7 })),
  'bit-flips.webm': changed('film.webm', (bytes) => editFrames(bytes, 1, flipCoefficients)),
  'bit-flips.ts': changed('film.ts', (bytes) => flipBits(bytes, { count: 300, seed: 7 })),
  'bit-flips.avi': changed('film.avi', (bytes) => flipBits(bytes, { count: 300, seed: 7 })),
  'bit-flips.mp3': changed('tone.mp3', (bytes) => flipBits(bytes, { count: 200, seed: 7 })),
  'bit-flips.flac': changed('tone.flac', (bytes) => flipBits(bytes, { count: 100, seed: 7 })),
  'zero-hole.mp4': changed('faststart.mp4', (bytes) => zeroHole(bytes, { at: 0.4, share: 0.3 })),
  'zero-hole.mkv': changed('film.mkv', (bytes) => zeroHole(bytes, { at: 0.4, share: 0.3 })),
  'zero-hole.ts': changed('film.ts', (bytes) => zeroHole(bytes, { at: 0.4, share: 0.3 })),
  'noise-hole.webm': changed('film.webm', (bytes) =>
    Buffer.concat([bytes.subarray(0, bytes.length >> 1), noise(20_000), bytes.subarray((bytes.length >> 1) + 20_000)]),
  ),
  'garbage-first.mp3': changed('tone.mp3', (bytes) => Buffer.concat([noise(100_000, 3), bytes])),
  'header-only.mkv': changed('film.mkv', (bytes) => bytes.subarray(0, 600)),
  'header-only.mp4': changed('faststart.mp4', (bytes) => bytes.subarray(0, findBox(bytes, 'mdat').bodyStart)),
  'no-pictures.mp4': changed('faststart.mp4', (bytes) => zeroHole(bytes, { at: inside(bytes).from, share: 1 })),
}

/**
 * One frame of VP8 whose first partition is longer than the frame, which every decoder notices, and bits turned in the
 * coefficients of the others, which none does: where in the file these lie depends on the version of the encoder.
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
  'encrypted.mp4': (path) => ffmpeg([...film(four), ...h264, ...aac, ...encryption, path]),
  'encrypted-fragments.mp4': (path) => ffmpeg([...film(four), ...h264, ...aac, ...encryption, ...fragments, path]),
  'encrypted-sound.mp4': (path) => ffmpeg([...sound(four), ...aac, ...encryption, path]),
}
