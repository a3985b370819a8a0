/** Videos of all orientations, sizes, pixel shapes, pixel formats and colours. */
import { readFile, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { orientations, setMatrix } from './boxes.ts'
import { encode, h264, videoInput, audioInput, type Maker, type Makers } from './files.ts'

/** Options of an input with four quadrants: red, lime; blue, yellow. Their order shows the orientation. */
const quadrants: readonly string[] = [
  ['-f', 'lavfi', '-i'],
  [
    'color=red:s=160x96:r=25:d=0.4,drawbox=80:0:80:48:lime:fill',
    'drawbox=0:48:80:48:blue:fill',
    'drawbox=80:48:80:48:yellow:fill',
  ].join(','),
].flat()

/** The expected quadrants of the output by EXIF orientation, from the top left: R(ed), L(ime), B(lue), Y(ellow). */
export const corners: Readonly<Record<number, string>> = {
  1: 'RLBY',
  2: 'LRYB',
  3: 'YBLR',
  4: 'BYRL',
  5: 'RBLY',
  6: 'BRYL',
  7: 'YLBR',
  8: 'LYRB',
}

const rotated =
  (orientation: number, options: readonly string[] = h264): Maker =>
  async (path) => {
    await ffmpeg([...quadrants, ...options, path])
    await writeFile(path, setMatrix(await readFile(path), orientations[orientation] ?? [1, 0, 0, 1]))
  }

export const oriented: Makers = Object.fromEntries(
  Object.keys(orientations).map((number) => [`orientation-${number}.mp4`, rotated(Number(number))]),
)

const inFormat = (format: string, ...encoder: readonly string[]): Maker =>
  encode(videoInput({ seconds: 0.6 }), '-pix_fmt', format, encoder)
const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast']
const alpha = 'format=rgba,geq=r=255:g=0:b=0:a=if(lt(X\\,W/2)\\,255\\,0)'
const halfTransparent = ['-f', 'lavfi', '-i', `color=red:s=160x90:r=10:d=0.5,${alpha}`]

export const geometries: Makers = {
  'wide-pixels.mp4': encode(videoInput({ size: '180x144', seconds: 1 }), '-vf', 'setsar=64/45', h264),
  'tall-pixels.mkv': encode(videoInput({ seconds: 1 }), '-vf', 'setsar=1/2', h264),
  'wide-pixels-rotated.mp4': rotated(6, ['-vf', 'setsar=2', ...h264]),
  'odd-161x121.mp4': encode(
    videoInput({ size: '162x122', seconds: 1 }),
    '-vf',
    'crop=161:121:0:0:exact=1',
    x264,
    '-pix_fmt',
    'yuv444p',
  ),
  'odd-width.mkv': encode(
    videoInput({ size: '162x90', seconds: 1 }),
    '-vf',
    'crop=161:90:0:0:exact=1',
    '-c:v',
    'ffv1',
    '-pix_fmt',
    'yuv444p',
  ),
  'one-pixel.mkv': encode(
    ['-f', 'lavfi', '-i', 'color=red:s=2x2:r=25:d=1,format=yuv444p,crop=1:1:0:0:exact=1'],
    '-c:v',
    'ffv1',
    '-pix_fmt',
    'yuv444p',
  ),
  'strip-2x400.mkv': encode(['-f', 'lavfi', '-i', 'color=red:s=2x400:r=25:d=0.4'], h264),
}

export const pixelFormats: Makers = {
  '420-10bit.mp4': inFormat('yuv420p10le', ...x264),
  '422.mp4': inFormat('yuv422p', ...x264),
  '422-10bit.mp4': inFormat('yuv422p10le', ...x264),
  '444.mp4': inFormat('yuv444p', ...x264),
  '444-10bit.mkv': inFormat('yuv444p10le', ...x264),
  'grey.mp4': inFormat('gray', ...x264),
  'grey-10bit.mkv': inFormat('gray10le', '-c:v', 'ffv1'),
  'rgb.mkv': inFormat('gbrp', '-c:v', 'libx264rgb', '-preset', 'ultrafast', '-crf', '10'),
  'rgb48.mkv': inFormat('gbrp16le', '-c:v', 'ffv1'),
  'full-range.mp4': inFormat('yuvj420p', ...x264, '-color_range', 'pc'),
  'mjpeg.mov': inFormat('yuvj422p', '-c:v', 'mjpeg', '-q:v', '3'),
  '12bit.mov': inFormat('yuv444p12le', '-c:v', 'prores_ks', '-profile:v', '4'),
  'animation.mov': inFormat('rgb24', '-c:v', 'qtrle'),
  'one-bit.mov': inFormat('monob', '-c:v', 'png'),
  '411.dv': encode(
    videoInput({ size: '720x480', fps: 30000 / 1001, seconds: 0.3 }),
    '-r',
    'ntsc',
    '-pix_fmt',
    'yuv411p',
    '-c:v',
    'dvvideo',
  ),
}

export const transparent: Makers = {
  'prores4444.mov': encode(halfTransparent, '-c:v', 'prores_ks', '-profile:v', '4', '-pix_fmt', 'yuva444p10le'),
  'alpha.webm': encode(
    halfTransparent,
    '-c:v',
    'libvpx-vp9',
    '-cpu-used',
    '8',
    '-deadline',
    'realtime',
    '-pix_fmt',
    'yuva420p',
    '-auto-alt-ref',
    '0',
  ),
  'alpha-png.mov': encode(halfTransparent, '-c:v', 'png'),
  'alpha-qtrle.mov': encode(halfTransparent, '-c:v', 'qtrle', '-pix_fmt', 'argb'),
  'loop.gif': encode(
    halfTransparent,
    '-vf',
    'split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse',
    '-loop',
    '0',
  ),
}

/** Returns an input of white bars that move to the right, so that interlaced frames show combing. */
const bars = (size: string, width = 'iw/4') => {
  const still = `color=black:s=${size}:r=50:d=1,drawbox=w=${width}:color=white:t=fill`
  return ['-f', 'lavfi', '-i', `${still},scroll=horizontal=0.02`]
}
const fields = (scan: 'tff' | 'bff') => `interlace=scan=${scan}:lowpass=off`

/** HEVC that is coded as fields: each has half the height, and only its frames are marked. */
const codedFields = (scan: 'tff' | 'bff', ...more: readonly string[]): Maker =>
  encode(
    [...bars('320x192'), ...more],
    ['-vf', `${fields(scan)},separatefields`],
    ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', `log-level=error:interlace=${scan}`],
  )

export const interlacedHevc: Makers = {
  'fields-tff.mp4': codedFields('tff', ...audioInput({ seconds: 1 })),
  'fields-bff.mkv': codedFields('bff'),
  'fields-tff.ts': codedFields('tff'),
}

export const interlaced: Makers = {
  'tff.mpg': encode(
    bars('352x288'),
    '-vf',
    `${fields('tff')},setsar=12/11`,
    '-flags',
    '+ilme+ildct',
    '-c:v',
    'mpeg2video',
    '-b:v',
    '3M',
  ),
  'bff.mpg': encode(bars('352x288'), '-vf', fields('bff'), '-flags', '+ilme+ildct', '-c:v', 'mpeg2video', '-b:v', '3M'),
  'tff-h264.mp4': encode(
    bars('320x192'),
    '-vf',
    fields('tff'),
    x264,
    '-flags',
    '+ildct+ilme',
    '-x264-params',
    'tff=1',
    '-pix_fmt',
    'yuv420p',
  ),
  'bff-h264.ts': encode(
    bars('320x192'),
    '-vf',
    fields('bff'),
    x264,
    '-flags',
    '+ildct+ilme',
    '-x264-params',
    'bff=1',
    '-pix_fmt',
    'yuv420p',
  ),
  'field-coded.mkv': encode(
    bars('320x192'),
    '-vf',
    fields('tff'),
    '-c:v',
    'ffv1',
    '-field_order',
    'tt',
    '-pix_fmt',
    'yuv422p',
  ),
  // flagged in its frames only, as Avid does
  'dnxhd.mov': encode(
    bars('1920x1080', 'iw/20'),
    ['-vf', `${fields('tff')},select='gte(n,12)'`, '-frames:v', '2', '-flags', '+ildct'],
    ['-c:v', 'dnxhd', '-b:v', '120M', '-pix_fmt', 'yuv422p'],
  ),
  'single-frame.mov': encode(
    bars('320x192'),
    ['-vf', fields('tff'), '-frames:v', '1', '-flags', '+ildct'],
    ['-c:v', 'prores_ks', '-pix_fmt', 'yuv422p10le'],
  ),
  'progressive.mpg': encode(
    bars('320x192'),
    audioInput({ seconds: 1 }),
    '-r',
    '25',
    '-c:v',
    'mpeg2video',
    '-b:v',
    '2M',
    '-c:a',
    'mp2',
  ),
}
