/** Files with other tracks than one of video and one of audio. */
import { readFile, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { findBoxes } from './boxes.ts'
import { createPgs } from './pgs.ts'
import { aac, encode, inputs, h264, videoInput, audioInput, type Maker, type Makers } from './files.ts'

/** Creates a video with a text file as its third input. */
const withText =
  (text: string, extension: string, ...options: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    const textPath = `${path}.${extension}`
    await writeFile(textPath, text)
    await ffmpeg([...inputs(), '-i', textPath, ...options.flat(), path])
  }

const srt = '1\n00:00:00,200 --> 00:00:01,000\nHello <i>there</i>\n\n2\n00:00:01,200 --> 00:00:01,800\nä & ü\n'
const german = '1\n00:00:00,300 --> 00:00:01,100\nGuten Tag\n'
const ass = [
  ['[Script Info]', 'ScriptType: v4.00+', '[V4+ Styles]'],
  ['Format: Name, Fontname, Fontsize, PrimaryColour', 'Style: Default,Arial,20,&H00FFFFFF', '[Events]'],
  ['Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text'],
  ['Dialogue: 0,0:00:00.20,0:00:01.00,Default,,0,0,0,,{\\fn/etc/passwd\\pos(1,1)}Hello', ''],
]
  .flat()
  .join('\n')
const chapters = [
  [';FFMETADATA1', '[CHAPTER]', 'TIMEBASE=1/1000', 'START=0', 'END=1000', 'title=Beginning'],
  ['[CHAPTER]', 'TIMEBASE=1/1000', 'START=1000', 'END=2000', 'title=End', ''],
]
  .flat()
  .join('\n')
const all = ['-map', '0', '-map', '1', '-map', '2']
const cover = ['-f', 'lavfi', '-i', 'color=red:s=300x300:d=0.04:r=25']

/** Two video and two audio inputs that differ in size and in pitch, so that a test can identify the chosen track. */
const pairs = [
  videoInput({ size: '64x48' }),
  videoInput({ size: '320x180' }),
  audioInput({}, 440),
  audioInput({}, 1000),
].flat()

/** Creates a file with the larger video and both audio tracks, with the given dispositions. */
const twoAudioTracks = (...dispositions: readonly string[]): Maker =>
  encode(pairs, '-map', '1', '-map', '2', '-map', '3', h264, aac, dispositions)

export const multipleTracks: Makers = {
  'two-video-tracks.mkv': encode(pairs, '-map', '0', '-map', '1', '-map', '2', h264, aac, '-disposition:v', '0'),
  'default-second-video.mkv': encode(
    [...pairs, '-map', '1', '-map', '0', '-map', '2', ...h264, ...aac],
    ['-disposition:v:0', '0', '-disposition:v:1', 'default'],
  ),
  'two-audio-tracks.mkv': twoAudioTracks('-disposition:a', '0'),
  'default-second-audio.mkv': twoAudioTracks('-disposition:a:0', '0', '-disposition:a:1', 'default'),
  'comment-first.mkv': twoAudioTracks('-disposition:a:0', 'comment', '-disposition:a:1', '0'),
  'comment-default.mkv': twoAudioTracks('-disposition:a:0', 'default+comment', '-disposition:a:1', '0'),
  'described-first.mkv': twoAudioTracks('-disposition:a:0', 'visual_impaired', '-disposition:a:1', '0'),
  'more-channels-second.mkv': twoAudioTracks('-ac:a:0', '1', '-ac:a:1', '6', '-disposition:a', '0'),
}

export const subtitled: Makers = {
  'srt.mkv': withText(srt, 'srt', all, h264, aac, '-c:s', 'srt', '-metadata:s:s:0', 'language=eng'),
  'ass.mkv': withText(ass, 'ass', all, h264, aac, '-c:s', 'ass'),
  'mov-text.mp4': withText(srt, 'srt', all, h264, aac, '-c:s', 'mov_text'),
  'webvtt.webm': withText(
    srt,
    'srt',
    all,
    '-c:v',
    'libvpx',
    '-deadline',
    'realtime',
    '-cpu-used',
    '8',
    '-c:a',
    'libopus',
    '-c:s',
    'webvtt',
  ),
  'pgs.mkv': async (path) => {
    await writeFile(`${path}.sup`, createPgs())
    await ffmpeg([...inputs(), '-i', `${path}.sup`, ...all, ...h264, ...aac, '-c:s', 'copy', path])
  },
  'dvd.mkv': async (path) => {
    await writeFile(`${path}.sup`, createPgs())
    await ffmpeg([...inputs(), '-i', `${path}.sup`, ...all, ...h264, ...aac, '-c:s', 'dvdsub', path])
  },
  'dvb.ts': async (path) => {
    await writeFile(`${path}.sup`, createPgs())
    await ffmpeg([...inputs(), '-i', `${path}.sup`, ...all, ...h264, ...aac, '-c:s', 'dvbsub', path])
  },
  'two-languages.mkv': async (path) => {
    await writeFile(`${path}.en.srt`, srt)
    await writeFile(`${path}.de.srt`, german)
    const texts = ['-i', `${path}.en.srt`, '-i', `${path}.de.srt`]
    const languages = ['-metadata:s:s:0', 'language=eng', '-metadata:s:s:1', 'language=ger']
    await ffmpeg([...inputs(), ...texts, ...all, '-map', '3', ...h264, ...aac, '-c:s', 'srt', ...languages, path])
  },
}

export const withMetadata: Makers = {
  'chapters.mkv': withText(chapters, 'txt', '-map', '0', '-map', '1', '-map_metadata', '2', h264, aac),
  'chapters.mp4': withText(chapters, 'txt', '-map', '0', '-map', '1', '-map_metadata', '2', h264, aac),
  'location.mp4': encode(
    inputs(),
    h264,
    aac,
    '-movflags',
    'use_metadata_tags',
    ['-metadata', 'location=+48.8584+002.2945/'],
    '-metadata',
    'title=My House',
    '-metadata',
    'com.apple.quicktime.location.ISO6709=+48.8584+002.2945/',
  ),
  'location.mkv': encode(
    inputs(),
    h264,
    aac,
    '-metadata',
    'LOCATION=+48.8584+002.2945/',
    '-metadata',
    'title=My House',
    '-metadata:s:a',
    'title=In the kitchen',
  ),
  'data-track.mov': encode(inputs(), h264, aac, '-timecode', '01:00:00:00'),
  'data-track.ts': encode(inputs(), h264, aac, '-map', '0', '-map', '1', '-metadata', 'service_name=x'),
}

export const trackSets: Makers = {
  'video-only.mp4': encode(videoInput(), h264),
  'video-only.webm': encode(videoInput(), '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'),
  'cover-and-video.mp4': encode(
    inputs(),
    cover,
    '-map',
    '2',
    '-map',
    '0',
    '-map',
    '1',
    h264,
    aac,
    '-c:v:0',
    'mjpeg',
    '-disposition:v:0',
    'attached_pic',
    '-disposition:v:1',
    'default',
  ),
  'subtitles-only.mkv': async (path) => {
    await writeFile(`${path}.srt`, srt)
    await ffmpeg(['-i', `${path}.srt`, path])
  },
  'font-attached.mkv': async (path) => {
    await writeFile(`${path}.ttf`, 'not a font')
    const attach = ['-attach', `${path}.ttf`, '-metadata:s:t', 'mimetype=application/x-truetype-font']
    await ffmpeg([...inputs(), ...h264, ...aac, ...attach, path])
  },
}

/** A bitstream filter that drops every packet: the track is in the header, and holds nothing. */
const dropped = 'noise=drop=1'
const short = { seconds: 1 }
const vp8 = ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8']

/** Empties the index of the audio track, the second one. */
const emptyIndex: Maker = async (path) => {
  await ffmpeg([...inputs(short), ...h264, ...aac, path])
  const bytes = await readFile(path)
  for (const [type, at] of Object.entries({ stsz: 8, stts: 4, stsc: 4, stco: 4 })) {
    const table = findBoxes(bytes, `moov/trak/mdia/minf/stbl/${type}`)[1]
    if (!table) throw new Error(`the audio track has no ${type}`)
    bytes.writeUInt32BE(0, table.bodyStart + at)
  }
  await writeFile(path, bytes)
}

export const emptyTracks: Makers = {
  'empty-audio.mp4': emptyIndex,
  'empty-audio-fragmented.mp4': encode(
    inputs(short),
    h264,
    aac,
    '-bsf:a',
    dropped,
    '-movflags',
    'frag_keyframe+empty_moov',
  ),
  'empty-vorbis.webm': encode(inputs(short), vp8, '-c:a', 'libvorbis', '-bsf:a', dropped),
  'empty-audio.ts': encode(inputs(short), h264, '-c:a', 'mp2', '-bsf:a', dropped),
  'empty-audio.avi': encode(inputs(short), h264, '-c:a', 'mp2', '-bsf:a', dropped),
  'empty-audio.flv': encode(inputs(short), h264, aac, '-bsf:a', dropped),
  'empty-video.mkv': encode(inputs(short), h264, aac, '-bsf:v', dropped),
  'empty-default-audio.mkv': encode(
    [...inputs(short), ...audioInput(short, 1000), '-map', '0', '-map', '1', '-map', '2', ...h264, ...aac],
    ['-bsf:a:0', dropped, '-disposition:a:0', 'default', '-disposition:a:1', '0'],
  ),
}
