/** Sound alone, in every container, with and without a cover. */
import { ffmpeg } from '../../helpers/media.ts'
import { aac, by, sound, type Makers } from './files.ts'

const cover = ['-f', 'lavfi', '-i', 'color=red:s=300x300:d=0.04:r=25']
const attached = ['-map', '0', '-map', '1', '-frames:v', '1', '-c:v', 'mjpeg', '-disposition:v', 'attached_pic']
const mono = ['-ac', '1']

export const heard: Makers = {
  'plain.mp3': by(sound({ seconds: 3 }), '-c:a', 'libmp3lame'),
  'plain.m4a': by(sound(), aac),
  'plain.flac': by(sound()),
  'plain.wav': by(sound()),
  'plain.ogg': by(sound(), '-c:a', 'libvorbis'),
  'plain.opus': by(sound(), '-c:a', 'libopus'),
  'plain.aac': by(sound(), '-c:a', 'aac'),
  'plain.ac3': by(sound(), '-ac', '6', '-c:a', 'ac3'),
  'plain.aiff': by(sound()),
  'plain.mka': by(sound(), '-c:a', 'flac'),
  'plain.wma': by(sound(), '-c:a', 'wmav2'),
  'eight-kilohertz.wav': by(sound(), mono, '-ar', '8000'),
  'high-rate.flac': by(sound(), '-ar', '192000', '-sample_fmt', 's32'),
  'cover.mp3': by(sound(), cover, attached, '-c:a', 'libmp3lame', '-id3v2_version', '3'),
  'cover.m4a': by(sound(), cover, attached, aac),
  'cover.flac': by(sound(), cover, attached, '-c:a', 'flac'),
  'cover.mkv': async (path) => {
    await ffmpeg([...cover, '-frames:v', '1', `${path}.jpg`])
    const attach = [
      '-attach',
      `${path}.jpg`,
      '-metadata:s:t',
      'mimetype=image/jpeg',
      '-metadata:s:t',
      'filename=cover.jpg',
    ]
    await ffmpeg([...sound(), ...aac, ...attach, path])
  },
}
