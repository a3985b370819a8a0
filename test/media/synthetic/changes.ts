/** Films that are something else in their second half. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { aac, by, film, h264, picture, sound, type Maker, type Makers } from './files.ts'

type Half = {
  size: string
  /** Width of a pixel over its height; default 1. */
  aspect?: string
  /** Default: a grey picture with a white frame around it. */
  picture?: readonly string[]
  coded?: readonly string[]
}

/** What is the same in every half: one second of 25 pictures. */
const framed = (size: string) => [
  ['-f', 'lavfi', '-i'],
  [`color=gray:s=${size}:r=25:d=1,drawbox=color=white:t=16,drawbox=x=mod(t*80\\,iw):y=ih/2:w=8:h=8:color=red:t=fill`],
]

/** Two halves in the codec's own stream, joined, and then put into the path's container as one film. */
const joined =
  (extension: 'h264' | 'm2v', halves: readonly Half[], ...muxed: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    const whole = `${path}.${extension}`
    const parts = halves.map((half, n) => ({ ...half, path: `${path}.${n}.${extension}` }))
    for (const { size, aspect = '1', picture = framed(size).flat(), coded = h264, path } of parts)
      await ffmpeg([...picture, '-vf', `setsar=${aspect}`, ...coded, path])
    await writeFile(whole, Buffer.concat(await Promise.all(parts.map(({ path }) => readFile(path)))))
    await ffmpeg(['-fflags', '+genpts', '-r', '25', '-i', whole, ...muxed.flat(), '-c:v', 'copy', path])
    await Promise.all([whole, ...parts.map(({ path }) => path)].map((part) => rm(part)))
  }

/** Halves in WebM or Matroska, whose packets are put one behind the other under the header of the first. */
const appended =
  (sizes: readonly string[], ...coded: readonly string[]): Maker =>
  async (path) => {
    const parts = sizes.map((size, n) => ({ size, path: `${path}.${n}.mkv` }))
    const list = `${path}.txt`
    for (const { size, path } of parts) await ffmpeg([...framed(size).flat(), ...coded, path])
    await writeFile(list, parts.map(({ path }) => `file 'file:${path}'\n`).join(''))
    await ffmpeg(['-f', 'concat', '-safe', '0', '-i', list, '-c', 'copy', path])
    await Promise.all([list, ...parts.map(({ path }) => path)].map((part) => rm(part)))
  }

const withSound = [...sound({ seconds: 2 }), ...aac, '-map', '0:v', '-map', '1:a']
const vp8 = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M']
const vp9 = ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M']
const mpeg2 = ['-c:v', 'mpeg2video', '-b:v', '2M']
const turned: readonly Half[] = [{ size: '320x240' }, { size: '240x320' }]

/** Pictures that change their size, or the shape of their pixels. */
export const resized: Makers = {
  'turned.ts': joined('h264', turned, withSound),
  'turned.mp4': joined('h264', turned, withSound),
  'turned.mkv': joined('h264', turned),
  'smaller.webm': appended(['320x240', '120x160'], ...vp8),
  'larger.webm': appended(['160x120', '240x320'], ...vp9),
  'same-shape.webm': appended(['160x120', '320x240', '212x160'], ...vp8),
  'odd.mkv': appended(['161x121', '121x161'], '-c:v', 'mjpeg', '-pix_fmt', 'yuvj444p'),
  'tiny.mkv': appended(['320x240', '2x2'], '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'),
  'wide-pixels-later.mpg': joined('m2v', [
    { size: '320x240', coded: mpeg2 },
    { size: '320x240', aspect: '4/3', coded: mpeg2 },
  ]),
}

/** Upright bars that move, so that half-pictures of two times are combed. */
const bars = (rate: number) => {
  const still = `nullsrc=s=320x192:r=${rate}:d=1,format=yuv420p,geq=lum='if(lt(mod(X,64),32),40,200)':cb=128:cr=128`
  return ['-f', 'lavfi', '-i', `${still},scroll=horizontal=0.02`]
}

const whole: Half = { size: '320x192', picture: bars(25) }
const halfPictures: Half = {
  size: '320x192',
  picture: bars(50),
  aspect: '1,interlace=scan=tff:lowpass=off',
  coded: [...h264, '-flags', '+ildct+ilme', '-x264-params', 'tff=1'],
}

/** H.264 that begins with whole pictures, as its header then says, and goes on with half-pictures. */
export const turnedInterlaced: Makers = {
  'interlaced-later.mp4': joined('h264', [whole, halfPictures], withSound),
  'interlaced-later.mkv': joined('h264', [whole, halfPictures]),
  'interlaced-later.ts': joined('h264', [whole, halfPictures], withSound),
}

/** What a recorder of screens writes: pictures only where something moves, and the last one stands until the end. */
const standing =
  (end: number, ...made: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    const short = `${path}.short.mp4`
    await ffmpeg([...made.flat(), ...h264, '-bf', '2', '-fps_mode', 'vfr', short])
    await ffmpeg(['-i', short, '-c', 'copy', '-bsf:v', `setts=pts=PTS:dts=DTS:duration=${end}/TB-PTS`, path])
    await rm(short)
  }

const moving = [...picture({ seconds: 2 }), '-vf', "select='lt(n,10)+not(mod(n,7))'"]

/** An ordinary film of 2 s, of which the header of the file alone says an hour. */
async function lying(path: string): Promise<void> {
  await ffmpeg([...film(), ...h264, ...aac, path])
  const bytes = await readFile(path)
  const header = bytes.indexOf('mvhd') // then version and flags, two times, the scale, and the length
  bytes.writeUInt32BE(bytes.readUInt32BE(header + 16) * 3600, header + 20)
  await writeFile(path, bytes)
}

/** Films whose last picture lasts for seconds. */
export const lasting: Makers = {
  'screen.mp4': standing(5, moving),
  'screen.mov': standing(5, moving),
  'short-sound.mp4': standing(4, sound({ seconds: 1 }), moving, aac),
  'one-picture.mp4': standing(3, picture({ seconds: 0.04 })),
  'liar.mp4': lying,
  'stops.gif': by(picture({ fps: 10 }), '-final_delay', '300'),
}
