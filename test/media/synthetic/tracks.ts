/** Films with more, fewer and other tracks than a picture and a sound. */
import { writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { toPgs } from './bitmap.ts'
import { aac, by, film, h264, picture, sound, type Maker, type Makers } from './files.ts'

/** Text to be muxed in, in a file beside the result. */
const withText =
  (text: string, extension: string, ...options: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    const beside = `${path}.${extension}`
    await writeFile(beside, text)
    await ffmpeg([...film(), '-i', beside, ...options.flat(), path])
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

/** A quiet and a low tone, a colour each: which of them came out can be told. */
const two = [picture({ size: '64x48' }), picture({ size: '320x180' }), sound({}, 440), sound({}, 1000)].flat()

/** The large picture and both sounds, with what is said of the sounds. */
const sounds = (...dispositions: readonly string[]): Maker =>
  by(two, '-map', '1', '-map', '2', '-map', '3', h264, aac, dispositions)

export const several: Makers = {
  'two-pictures.mkv': by(two, '-map', '0', '-map', '1', '-map', '2', h264, aac, '-disposition:v', '0'),
  'default-second-picture.mkv': by(
    [...two, '-map', '1', '-map', '0', '-map', '2', ...h264, ...aac],
    ['-disposition:v:0', '0', '-disposition:v:1', 'default'],
  ),
  'two-sounds.mkv': sounds('-disposition:a', '0'),
  'default-second-sound.mkv': sounds('-disposition:a:0', '0', '-disposition:a:1', 'default'),
  'comment-first.mkv': sounds('-disposition:a:0', 'comment', '-disposition:a:1', '0'),
  'comment-default.mkv': sounds('-disposition:a:0', 'default+comment', '-disposition:a:1', '0'),
  'described-first.mkv': sounds('-disposition:a:0', 'visual_impaired', '-disposition:a:1', '0'),
  'more-channels-second.mkv': sounds('-ac:a:0', '1', '-ac:a:1', '6', '-disposition:a', '0'),
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
    await writeFile(`${path}.sup`, toPgs())
    await ffmpeg([...film(), '-i', `${path}.sup`, ...all, ...h264, ...aac, '-c:s', 'copy', path])
  },
  'dvd.mkv': async (path) => {
    await writeFile(`${path}.sup`, toPgs())
    await ffmpeg([...film(), '-i', `${path}.sup`, ...all, ...h264, ...aac, '-c:s', 'dvdsub', path])
  },
  'dvb.ts': async (path) => {
    await writeFile(`${path}.sup`, toPgs())
    await ffmpeg([...film(), '-i', `${path}.sup`, ...all, ...h264, ...aac, '-c:s', 'dvbsub', path])
  },
  'two-languages.mkv': async (path) => {
    await writeFile(`${path}.en.srt`, srt)
    await writeFile(`${path}.de.srt`, german)
    const texts = ['-i', `${path}.en.srt`, '-i', `${path}.de.srt`]
    const languages = ['-metadata:s:s:0', 'language=eng', '-metadata:s:s:1', 'language=ger']
    await ffmpeg([...film(), ...texts, ...all, '-map', '3', ...h264, ...aac, '-c:s', 'srt', ...languages, path])
  },
}

export const labelled: Makers = {
  'chapters.mkv': withText(chapters, 'txt', '-map', '0', '-map', '1', '-map_metadata', '2', h264, aac),
  'chapters.mp4': withText(chapters, 'txt', '-map', '0', '-map', '1', '-map_metadata', '2', h264, aac),
  'located.mp4': by(
    film(),
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
  'located.mkv': by(
    film(),
    h264,
    aac,
    '-metadata',
    'LOCATION=+48.8584+002.2945/',
    '-metadata',
    'title=My House',
    '-metadata:s:a',
    'title=In the kitchen',
  ),
  'data-track.mov': by(film(), h264, aac, '-timecode', '01:00:00:00'),
  'data-track.ts': by(film(), h264, aac, '-map', '0', '-map', '1', '-metadata', 'service_name=x'),
}

export const partial: Makers = {
  'video-only.mp4': by(picture(), h264),
  'video-only.webm': by(picture(), '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'),
  'cover-and-picture.mp4': by(
    film(),
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
    await writeFile(`${path}.ttf`, 'no font at all')
    const attach = ['-attach', `${path}.ttf`, '-metadata:s:t', 'mimetype=application/x-truetype-font']
    await ffmpeg([...film(), ...h264, ...aac, ...attach, path])
  },
}
