/** Decompression bombs: small files with very many pixels, streams or frames, or of very long duration. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { crc32, deflateSync } from 'node:zlib'
import { ffmpeg } from '../../helpers/media.ts'
import { encode, h264, videoInput, audioInput, type Maker, type Makers } from './files.ts'

/** Creates a PNG of a single colour with one bit per pixel; 16,000 x 16,000 pixels take 31 kB. */
export function createPng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.writeUInt8(1, 8)
  const lines = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height))
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', lines), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, body: Buffer): Buffer {
  const typeAndBody = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const framed = Buffer.alloc(8 + typeAndBody.length)
  framed.writeUInt32BE(body.length)
  typeAndBody.copy(framed, 4)
  framed.writeUInt32BE(crc32(typeAndBody), 4 + typeAndBody.length)
  return framed
}

/** Creates a GIF whose frames have one pixel each, whatever the size in its header. `delay` is in units of 10 ms. */
export function createGif(frames: { count: number; delay: number; width: number; height: number }): Buffer {
  const { count, delay, width, height } = frames
  const screen = Buffer.alloc(7)
  screen.writeUInt16LE(width)
  screen.writeUInt16LE(height, 2)
  screen.writeUInt8(0x80, 4)
  const colours = Buffer.from([255, 0, 0, 0, 0, 255])
  const wait = Buffer.from([0x21, 0xf9, 4, 0, delay & 255, delay >> 8, 0, 0])
  const pixel = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0])
  const all = Array.from({ length: count }, () => Buffer.concat([wait, pixel]))
  return Buffer.concat([Buffer.from('GIF89a'), screen, colours, ...all, Buffer.from([0x3b])])
}

const repeatTrack = (count: number, ...encoder: readonly string[]): Maker =>
  encode(audioInput({ seconds: 0.2 }), Array.from({ length: count }, () => ['-map', '0:a']).flat(), encoder)

/** Creates a video of five frames that are `seconds` apart. */
const sparse =
  (seconds: number, ...more: readonly string[]): Maker =>
  (path) =>
    ffmpeg([
      ...videoInput({ seconds: 1, fps: 5, size: '64x48' }),
      '-vf',
      `setpts=N*${seconds}/TB`,
      '-fps_mode',
      'vfr',
      ...h264,
      '-bf',
      '0',
      ...more,
      path,
    ])

export const pixelBombs: Makers = {
  'bomb-16k.png': (path) => writeFile(path, createPng(16_000, 16_000)),
  'bomb-16k.mkv': async (path) => {
    await writeFile(`${path}.png`, createPng(16_000, 16_000))
    await ffmpeg(['-f', 'png_pipe', '-i', `${path}.png`, '-c', 'copy', path])
    await rm(`${path}.png`)
  },
  'bomb-8k.mp4': encode(['-f', 'lavfi', '-i', 'color=black:s=8192x8192:r=1:d=1'], '-frames:v', '1', h264),
  'bomb-65k.gif': (path) => writeFile(path, createGif({ count: 2, delay: 4, width: 65_535, height: 65_535 })),
  'bomb-65k.jpg': async (path) => {
    await ffmpeg([...videoInput(), '-frames:v', '1', '-update', '1', path])
    const bytes = await readFile(path)
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]))
    bytes.writeUInt16BE(65_500, frame + 5)
    bytes.writeUInt16BE(65_500, frame + 7)
    await writeFile(path, bytes)
  },
}

export const streamBombs: Makers = {
  'streams-100.mkv': repeatTrack(100, '-c:a', 'pcm_u8', '-ar', '8000'),
  'streams-1000.mkv': repeatTrack(1000, '-c:a', 'pcm_u8', '-ar', '8000'),
}

/** Videos of more than half a day, each smaller than a megabyte. */
export const timeBombs: Makers = {
  'days.mkv': sparse(100_000),
  'days.mp4': sparse(100_000, '-video_track_timescale', '1000'),
  'hours.avi': encode(
    ['-f', 'lavfi', '-i', 'color=black:s=16x16:r=1:d=50000'],
    ['-c:v', 'mpeg4', '-q:v', '31', '-g', '600', '-bf', '0'],
  ),
  'week.gif': (path) => writeFile(path, createGif({ count: 1000, delay: 65_535, width: 16, height: 16 })),
}

/** An hour of silence in a few kilobytes. */
export const silence: Maker = encode(
  ['-f', 'lavfi', '-i', 'anullsrc=r=8000:cl=mono:d=3600'],
  ['-c:a', 'flac', '-compression_level', '0', '-frame_size', '65535'],
)
