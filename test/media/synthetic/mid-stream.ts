/** Videos whose resolution, pixel shape or scan type changes mid-stream, and videos with a long last frame. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { aac, encode, inputs, h264, videoInput, audioInput, type Maker, type Makers } from './files.ts'

type Segment = {
  size: string
  /** Sample aspect ratio; default 1. */
  aspect?: string
  /** Options of the input. Default: grey with a white border. */
  input?: readonly string[]
  encoder?: readonly string[]
}

/** Returns the default input: one second, 25 frames. */
const bordered = (size: string) => [
  ['-f', 'lavfi', '-i'],
  [`color=gray:s=${size}:r=25:d=1,drawbox=color=white:t=16,drawbox=x=mod(t*80\\,iw):y=ih/2:w=8:h=8:color=red:t=fill`],
]

/** Concatenates segments as elementary streams, and muxes the result into one file. */
const concatenated =
  (extension: 'h264' | 'm2v', segments: readonly Segment[], ...muxer: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    const stream = `${path}.${extension}`
    const parts = segments.map((segment, n) => ({ ...segment, path: `${path}.${n}.${extension}` }))
    for (const { size, aspect = '1', input = bordered(size).flat(), encoder = h264, path } of parts)
      await ffmpeg([...input, '-vf', `setsar=${aspect}`, ...encoder, path])
    await writeFile(stream, Buffer.concat(await Promise.all(parts.map(({ path }) => readFile(path)))))
    await ffmpeg(['-fflags', '+genpts', '-r', '25', '-i', stream, ...muxer.flat(), '-c:v', 'copy', path])
    await Promise.all([stream, ...parts.map(({ path }) => path)].map((part) => rm(part)))
  }

/** Concatenates segments in WebM or Matroska: the packets of all follow the header of the first. */
const appended =
  (sizes: readonly string[], ...encoder: readonly string[]): Maker =>
  async (path) => {
    const parts = sizes.map((size, n) => ({ size, path: `${path}.${n}.mkv` }))
    const list = `${path}.txt`
    for (const { size, path } of parts) await ffmpeg([...bordered(size).flat(), ...encoder, path])
    await writeFile(list, parts.map(({ path }) => `file 'file:${path}'\n`).join(''))
    await ffmpeg(['-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', path])
    await Promise.all([list, ...parts.map(({ path }) => path)].map((part) => rm(part)))
  }

const withAudio = [...audioInput({ seconds: 2 }), ...aac, '-map', '0:v', '-map', '1:a']
const vp8 = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M']
const vp9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M']
const mpeg2 = ['-c:v', 'mpeg2video', '-b:v', '2M']
const portraitLater: readonly Segment[] = [{ size: '320x240' }, { size: '240x320' }]

/** Videos whose resolution or sample aspect ratio changes mid-stream. */
export const resized: Makers = {
  'portrait-later.ts': concatenated('h264', portraitLater, withAudio),
  'portrait-later.mp4': concatenated('h264', portraitLater, withAudio),
  'portrait-later.mkv': concatenated('h264', portraitLater),
  'smaller.webm': appended(['320x240', '120x160'], ...vp8),
  'larger.webm': appended(['160x120', '240x320'], ...vp9),
  'same-shape.webm': appended(['160x120', '320x240', '212x160'], ...vp8),
  'odd.mkv': appended(['161x121', '121x161'], '-c:v', 'mjpeg', '-pix_fmt', 'yuvj444p'),
  'tiny.mkv': appended(['320x240', '2x2'], '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'),
  'wide-pixels-later.mpg': concatenated('m2v', [
    { size: '320x240', encoder: mpeg2 },
    { size: '320x240', aspect: '4/3', encoder: mpeg2 },
  ]),
}

/** Returns an input of vertical bars that move, so that interlaced frames show combing. */
const bars = (rate: number) => {
  const still = `nullsrc=s=320x192:r=${rate}:d=1,format=yuv420p,geq=lum='if(lt(mod(X,64),32),40,200)':cb=128:cr=128`
  return ['-f', 'lavfi', '-i', `${still},scroll=horizontal=0.02`]
}

const progressive: Segment = { size: '320x192', input: bars(25) }
const interlaced: Segment = {
  size: '320x192',
  input: bars(50),
  aspect: '1,interlace=scan=tff:lowpass=off',
  encoder: [...h264, '-flags', '+ildct+ilme', '-x264-params', 'tff=1'],
}

/** H.264 that starts progressive, as its header says, and becomes interlaced. */
export const interlacedLater: Makers = {
  'interlaced-later.mp4': concatenated('h264', [progressive, interlaced], withAudio),
  'interlaced-later.mkv': concatenated('h264', [progressive, interlaced]),
  'interlaced-later.ts': concatenated('h264', [progressive, interlaced], withAudio),
}

/** Creates a video like a screen recorder: frames only where something moves, and a last frame that ends at `end` s. */
const screenRecording =
  (end: number, ...options: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    const short = `${path}.short.mp4`
    await ffmpeg([...options.flat(), ...h264, '-bf', '2', '-fps_mode', 'vfr', short])
    await ffmpeg(['-i', short, '-c', 'copy', '-bsf:v', `setts=pts=PTS:dts=DTS:duration=${end}/TB-PTS`, path])
    await rm(short)
  }

const moving = [...videoInput({ seconds: 2 }), '-vf', "select='lt(n,10)+not(mod(n,7))'"]

/** Creates a video of 2 s whose mp4 header, but not its tracks, has a duration of one hour. */
async function createWrongDuration(path: string): Promise<void> {
  await ffmpeg([...inputs(), ...h264, ...aac, path])
  const bytes = await readFile(path)
  const header = bytes.indexOf('mvhd') // then version and flags, two dates, the timescale, and the duration
  bytes.writeUInt32BE(bytes.readUInt32BE(header + 16) * 3600, header + 20)
  await writeFile(path, bytes)
}

/** Videos whose last frame has a duration of seconds. */
export const longLastFrame: Makers = {
  'screen-recording.mp4': screenRecording(5, moving),
  'screen-recording.mov': screenRecording(5, moving),
  'short-audio.mp4': screenRecording(4, audioInput({ seconds: 1 }), moving, aac),
  'single-frame.mp4': screenRecording(3, videoInput({ seconds: 0.04 })),
  'wrong-duration.mp4': createWrongDuration,
  'final-delay.gif': encode(videoInput({ fps: 10 }), '-final_delay', '300'),
}
