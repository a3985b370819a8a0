/** Videos that flash and beep at the same times, with timestamps in every form that containers have. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { toSignalInputs } from '../sync.ts'
import { findBox, createBox } from './boxes.ts'
import { editBlocks, type Block } from './ebml.ts'
import { aac, encode, h264, type Maker, type Makers } from './files.ts'

const SECONDS = 3.2
const signals = toSignalInputs({ seconds: SECONDS })
const x264 = [...h264, '-g', '25', '-bf', '2']

/**
 * Creates an ordinary file and remuxes it. The options before `|` are for the input, those after it for the output. The
 * versions of ffmpeg differ in whether bitstream filters use the time base of the input or of the output, so a remux with
 * them keeps the container.
 */
const remuxedFrom =
  (extension: 'mp4' | 'mkv' | 'ts', encoder: readonly string[] = x264) =>
  (...options: readonly string[]): Maker =>
  async (path) => {
    const plain = `${path}.plain.${extension}`
    await ffmpeg([...signals, ...encoder, ...aac, plain])
    const [inputOptions, outputOptions] = [
      options.slice(0, options.indexOf('|')),
      options.slice(options.indexOf('|') + 1),
    ]
    await ffmpeg([...inputOptions, '-i', plain, '-map', '0', '-c', 'copy', ...outputOptions, path])
    await rm(plain)
  }
const remuxed = remuxedFrom('mp4')

/** Multiplies the timescale and all timestamps in the first track of an mp4, which changes only their unit. */
const rescaled =
  (factor: number): Maker =>
  async (path) => {
    await ffmpeg([...signals, ...x264, '-bf', '0', ...aac, path])
    const bytes = Buffer.from(await readFile(path))
    const media = findBox(bytes, 'moov/trak/mdia/mdhd').bodyStart
    for (const at of [media + 12, media + 16]) bytes.writeUInt32BE(bytes.readUInt32BE(at) * factor, at)
    const { bodyStart } = findBox(bytes, 'moov/trak/mdia/minf/stbl/stts')
    const count = bytes.readUInt32BE(bodyStart + 4)
    for (let n = 0; n < count; n++) {
      const at = bodyStart + 12 + 8 * n
      bytes.writeUInt32BE(bytes.readUInt32BE(at) * factor, at)
    }
    await writeFile(path, bytes)
  }

/** Replaces the edit list of the first track. A media time of -1 is an empty edit. */
export const withEditList =
  (edits: readonly (readonly [milliseconds: number, mediaTime: number])[]): Maker =>
  async (path) => {
    await ffmpeg([...signals, ...x264, '-video_track_timescale', '25000', ...aac, path])
    const bytes = await readFile(path)
    const timescale = bytes.readUInt32BE(findBox(bytes, 'moov/mvhd').bodyStart + 12)
    const list = Buffer.alloc(8 + 12 * edits.length)
    list.writeUInt32BE(edits.length, 4)
    for (const [n, [milliseconds, mediaTime]] of edits.entries()) {
      list.writeUInt32BE((milliseconds / 1000) * timescale, 8 + 12 * n)
      list.writeInt32BE(mediaTime, 12 + 12 * n)
      list.writeUInt32BE(0x10000, 16 + 12 * n)
    }
    await writeFile(path, replaceEdits(bytes, createBox('edts', createBox('elst', list))))
  }

function replaceEdits(bytes: Buffer, edits: Buffer): Buffer {
  const old = findBox(bytes, 'moov/trak/edts')
  const growth = edits.length - (old.end - old.start)
  const changed = Buffer.concat([bytes.subarray(0, old.start), edits, bytes.subarray(old.end)])
  for (const path of ['moov', 'moov/trak']) {
    const box = findBox(bytes, path)
    changed.writeUInt32BE(box.end - box.start + growth, box.start)
  }
  return changed
}

const later = (track: 'v' | 'a', seconds: number, container: readonly string[] = []): Maker => {
  const filter = track === 'v' ? ['-vf', `trim=start=${seconds}`] : ['-af', `atrim=start=${seconds}`]
  return encode(signals, filter, x264, aac, container)
}

/** Videos with valid timestamps, in various forms. */
export const synced: Makers = {
  'plain.mp4': encode(signals, x264, aac),
  'plain.webm': encode(signals, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'libopus'),
  'plain.avi': encode(signals, '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  'plain.flv': encode(signals, '-c:v', 'flv', '-ar', '44100', '-c:a', 'libmp3lame'),
  'plain.ts': encode(signals, x264, '-c:a', 'mp2'),
  'fragmented.mp4': encode(signals, x264, aac, '-movflags', 'frag_keyframe+empty_moov+default_base_moof'),
  'audio-later-half.mp4': later('a', 0.5),
  'audio-later-half.mkv': later('a', 0.5),
  'audio-later-three.ts': later('a', 2.4),
  'video-later-half.mp4': later('v', 0.48),
  'video-later-half.mkv': later('v', 0.48),
  'video-later-three.ts': later('v', 2.4),
  'shifted-an-hour.mkv': encode(signals, x264, aac, '-output_ts_offset', '3600'),
  'wrapped.ts': encode(signals, x264, '-c:a', 'mp2', '-muxdelay', '0', '-output_ts_offset', '95442.2'),
  'negative.mp4': remuxed('-itsoffset', '-0.4', '|', '-avoid_negative_ts', 'disabled'),
  'edit-list-trim.mp4': remuxed('-ss', '0.28', '|'),
  'edit-list-pause.mp4': withEditList([
    [320, -1],
    [3200, 2000],
  ]),
  'fine-timescale.mp4': rescaled(1000),
  'variable-rate.mp4': encode(
    signals,
    '-vf',
    "select='not(mod(n,5))+lt(mod(n,40),20)+gt(scene,0.2)'",
    '-fps_mode',
    'vfr',
    x264,
    aac,
  ),
  'variable-rate.mkv': encode(
    signals,
    '-vf',
    "select='not(mod(n,5))+lt(mod(n,40),20)+gt(scene,0.2)'",
    '-fps_mode',
    'vfr',
    x264,
    '-c:a',
    'libopus',
  ),
  'rate-24000.mp4': encode(toSignalInputs({ seconds: SECONDS, fps: 24000 / 1001 }), x264, aac),
  'audio-44100.mov': encode(signals, x264, '-c:a', 'pcm_s16le', '-ar', '44100'),
  'audio-longer.mkv': encode(signals, '-vf', 'trim=end=2.8', x264, aac),
  'video-longer.mkv': encode(signals, '-af', 'atrim=end=2.85', x264, aac),
}

const slowSignals = toSignalInputs({ seconds: 6, fps: 1, at: [2, 5] })

/** Videos with unusual frame rates. */
export const frameRates: Makers = {
  '1-fps.mp4': encode(slowSignals, x264, aac),
  '1-fps.avi': encode(slowSignals, '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  '1000-fps.mp4': encode(toSignalInputs({ seconds: 1, fps: 1000, size: '64x48', at: [0.5] }), x264, aac),
  '1000-fps.mkv': encode(toSignalInputs({ seconds: 1, fps: 1000, size: '64x48', at: [0.5] }), x264, aac),
  'one-frame.mp4': encode(['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=0.04'], x264),
  'one-frame.mkv': encode(['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=0.04'], x264),
}

/** Creates a Matroska file and changes the timestamps of its blocks to some that no muxer would write. */
const withTimestamps =
  (change: (block: Block) => number): Maker =>
  async (path) => {
    await ffmpeg([...signals, ...x264, ...aac, path])
    await writeFile(path, editBlocks(await readFile(path), change))
  }

/** Videos with invalid timestamps. The result must have video, audio and monotonic timestamps. */
export const brokenTimestamps: Makers = {
  'jumping.mkv': withTimestamps(({ track, time, n }) => (track === 1 ? time + 90 * (n % 3) : time)),
  'decreasing.mkv': withTimestamps(({ track, time, n }) => (track === 1 && n > 30 ? time - 600 : time)),
  'duplicate-timestamps.mkv': withTimestamps(({ time }) => time - (time % 200)),
  'all-zero.mkv': withTimestamps(({ track }) => (track === 1 ? 0 : 0)),
  'constant-audio-timestamps.mkv': withTimestamps(({ track, time }) => (track === 2 ? 0 : time)),
  'below-zero.mkv': withTimestamps(({ time }) => time - 400),
  'negative.mkv': remuxed('-itsoffset', '-3', '|', '-avoid_negative_ts', 'disabled'),
  'gap-in-the-middle.mkv': remuxedFrom('mkv', [...x264, '-bf', '0'])(
    '|',
    '-bsf:v',
    'setts=ts=TS+if(gt(N\\,40)\\,20000\\,0)',
    '-bsf:a',
    'setts=ts=TS+if(gt(N\\,75)\\,20000\\,0)',
  ),
  'no-timestamps.avi': encode(signals, '-c:v', 'mpeg4', '-bf', '2', '-c:a', 'pcm_s16le'),
  'backwards.ts': remuxedFrom('ts')('|', '-bsf:v', 'setts=pts=PTS+if(gt(N\\,40)\\,-20000\\,0):dts=DTS', '-f', 'mpegts'),
}
