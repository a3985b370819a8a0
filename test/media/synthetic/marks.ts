/** Videos whose containers have marks or lack a duration. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { createBox, findBox, replaceBox } from './boxes.ts'
import { encode, h264, inputs, aac, type Maker, type Makers } from './files.ts'

/** https://github.com/google/spatial-media/blob/master/docs/spherical-video-rfc.md: the mark of 360° video, version 1. */
const spherical = (stereo: string) =>
  createBox(
    'uuid',
    Buffer.from('ffcc8263f8554a938814587a02521fdd', 'hex'),
    [
      '<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"',
      ' xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>',
      '<GSpherical:StitchingSoftware>x</GSpherical:StitchingSoftware><GSpherical:Stitched>true</GSpherical:Stitched><GSpherical:ProjectionType>equirectangular',
      `</GSpherical:ProjectionType>${stereo}</rdf:SphericalVideo>`,
    ].join(''),
  )

const panorama =
  (stereo = ''): Maker =>
  async (path) => {
    await ffmpeg([...inputs({ seconds: 0.6 }), ...h264, ...aac, path])
    const bytes = await readFile(path)
    const { start, end } = findBox(bytes, 'moov/trak/edts')
    const marked = Buffer.concat([bytes.subarray(start, end), spherical(stereo)])
    await writeFile(path, replaceBox(bytes, 'moov/trak/edts', marked))
  }

export const panoramas: Makers = {
  'panorama.mp4': panorama(),
  'stereo-panorama.mp4': panorama('<GSpherical:StereoMode>top-bottom</GSpherical:StereoMode>'),
  'panorama.mkv': async (path) => {
    await panorama()(`${path}.mp4`)
    await ffmpeg(['-i', `${path}.mp4`, '-c', 'copy', path])
    await rm(`${path}.mp4`)
  },
}

/** A video of 3 s that is black for 0.2 s, and red from then on. */
const fadeIn = ['-f', 'lavfi', '-i', "color=red:s=160x90:r=25:d=3,drawbox=t=fill:color=black:enable='lt(t,0.2)'"]

export const withoutDuration: Makers = {
  'live.webm': encode(fadeIn, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-live', '1'),
  'live.mkv': encode(fadeIn, h264, '-live', '1'),
  'live.flv': encode(fadeIn, h264, '-flvflags', 'no_duration_filesize'),
}
