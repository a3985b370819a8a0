/** HDR videos. */
import { hdr, mastered, x265 } from '../../helpers/hdr.ts'
import { aac, encode, type Makers } from './files.ts'

/** Options of an input with a grey ramp from black to peak brightness, and with a coloured ramp below it. */
const ramp = [
  ['-f', 'lavfi', '-i'],
  ["color=black:s=256x144:r=10:d=0.5,format=gbrp,geq=r='X':g='if(lt(Y,72),X,X/4)':b='if(lt(Y,72),X,X/8)'"],
].flat()

export const highDynamicRange: Makers = {
  'hdr10.mp4': encode(ramp, '-vf', 'scale=out_color_matrix=bt2020', ...x265('smpte2084', mastered), hdr('smpte2084')),
  // ffmpeg's `scale` rejects this matrix since 7.1, and nothing in 5.1 can decode it in HDR
  'constant-luminance.mp4': encode(
    ramp,
    '-vf',
    'scale=out_color_matrix=bt2020',
    ...x265('smpte2084', mastered),
    hdr('smpte2084'),
    '-bsf:v',
    'hevc_metadata=matrix_coefficients=10',
  ),
  'hlg.mp4': encode(ramp, '-vf', 'scale=out_color_matrix=bt2020', ...x265('arib-std-b67', ''), hdr('arib-std-b67')),
  'hdr10-av1.mkv': encode(
    ramp,
    '-vf',
    // newer versions of ffmpeg write the tags of the frames, not those of the options
    'scale=out_color_matrix=bt2020,setparams=color_primaries=bt2020:color_trc=smpte2084:range=tv',
    '-pix_fmt',
    'yuv420p10le',
    '-c:v',
    'libaom-av1',
    '-cpu-used',
    '8',
    '-usage',
    'realtime',
    '-crf',
    '20',
    hdr('smpte2084'),
  ),
  'hlg-audio.mov': encode(
    ramp,
    ['-f', 'lavfi', '-i', 'sine=d=0.5:r=48000'],
    '-vf',
    'scale=out_color_matrix=bt2020',
    ...x265('arib-std-b67', ''),
    hdr('arib-std-b67'),
    aac,
  ),
}

const light = (level: string) =>
  encode(ramp, '-vf', 'scale=out_color_matrix=bt2020', ...x265('smpte2084', level), hdr('smpte2084'))
const screen = 'master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)'

/** HDR with the same frames as `hdr10.mp4`, and with light levels that cannot be true. */
export const implausibleLight: Makers = {
  'light-level-1.mp4': light(':hdr10=1:max-cll=1,1'),
  'light-level-50000.mp4': light(`:hdr10=1:${screen}L(10000000,1):max-cll=50000,400`),
  'screen-of-1000-units.mp4': light(`:hdr10=1:${screen}L(1000,0)`),
}
