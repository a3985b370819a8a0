/** Audio files in every container, with and without cover art. */
import { ffmpeg } from '../../helpers/media.ts'
import { aac, encode, audioInput, type Makers } from './files.ts'

const cover = ['-f', 'lavfi', '-i', 'color=red:s=300x300:d=0.04:r=25']
const attached = ['-map', '0', '-map', '1', '-frames:v', '1', '-c:v', 'mjpeg', '-disposition:v', 'attached_pic']
const mono = ['-ac', '1']

export const audioFiles: Makers = {
  'plain.mp3': encode(audioInput({ seconds: 3 }), '-c:a', 'libmp3lame'),
  'plain.m4a': encode(audioInput(), aac),
  'plain.flac': encode(audioInput()),
  'plain.wav': encode(audioInput()),
  'plain.ogg': encode(audioInput(), '-c:a', 'libvorbis'),
  'plain.opus': encode(audioInput(), '-c:a', 'libopus'),
  'plain.aac': encode(audioInput(), '-c:a', 'aac'),
  'plain.ac3': encode(audioInput(), '-ac', '6', '-c:a', 'ac3'),
  'plain.aiff': encode(audioInput()),
  'plain.mka': encode(audioInput(), '-c:a', 'flac'),
  'plain.wma': encode(audioInput(), '-c:a', 'wmav2'),
  'rate-8000.wav': encode(audioInput(), mono, '-ar', '8000'),
  'high-rate.flac': encode(audioInput(), '-ar', '192000', '-sample_fmt', 's32'),
  'cover.mp3': encode(audioInput(), cover, attached, '-c:a', 'libmp3lame', '-id3v2_version', '3'),
  'cover.m4a': encode(audioInput(), cover, attached, aac),
  'cover.flac': async (path) => {
    // encoded in the same run, the image ends the audio since ffmpeg 7.1
    await ffmpeg([...cover, '-frames:v', '1', `${path}.jpg`])
    const copied = ['-map', '0', '-map', '1', '-c:v', 'copy', '-disposition:v', 'attached_pic']
    await ffmpeg([...audioInput(), '-i', `${path}.jpg`, ...copied, '-c:a', 'flac', path])
  },
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
    await ffmpeg([...audioInput(), ...aac, ...attach, path])
  },
}
