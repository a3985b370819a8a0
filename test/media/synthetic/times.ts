/** Films that flash and beep at the same times, told in every way containers have to tell time. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { toSignalInputs } from '../sync.ts'
import { findBox, toBox } from './boxes.ts'
import { editBlocks, type Block } from './ebml.ts'
import { aac, by, h264, type Maker, type Makers } from './files.ts'

const SECONDS = 3.2
const signals = toSignalInputs({ seconds: SECONDS })
const x264 = [...h264, '-g', '25', '-bf', '2']

/**
 * A film made first as an ordinary one, then changed by copying. ffmpeg's versions differ in whether bitstream filters count
 * in the units of the file that is read or of the one that is written: these use files of one kind.
 */
const copiedFrom =
  (extension: 'mp4' | 'mkv' | 'ts', coder: readonly string[] = x264) =>
  (...options: readonly string[]): Maker =>
  async (path) => {
    const plain = `${path}.plain.${extension}`
    await ffmpeg([...signals, ...coder, ...aac, plain])
    const [before, after] = [options.slice(0, options.indexOf('|')), options.slice(options.indexOf('|') + 1)]
    await ffmpeg([...before, '-i', plain, '-map', '0', '-c', 'copy', ...after, path])
    await rm(plain)
  }
const copied = copiedFrom('mp4')

/** The index of an mp4's first track, told in another unit: `timescale` of the media and every time of it multiplied. */
const stretched =
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

/** An edit list of one's own in the first track: pairs of length (in ms) and media time (-1: nothing). */
export const edited =
  (edits: readonly (readonly [milliseconds: number, mediaTime: number])[]): Maker =>
  async (path) => {
    await ffmpeg([...signals, ...x264, '-video_track_timescale', '25000', ...aac, path])
    const bytes = await readFile(path)
    const units = bytes.readUInt32BE(findBox(bytes, 'moov/mvhd').bodyStart + 12) // a second
    const list = Buffer.alloc(8 + 12 * edits.length)
    list.writeUInt32BE(edits.length, 4)
    for (const [n, [milliseconds, mediaTime]] of edits.entries()) {
      list.writeUInt32BE((milliseconds / 1000) * units, 8 + 12 * n)
      list.writeInt32BE(mediaTime, 12 + 12 * n)
      list.writeUInt32BE(0x10000, 16 + 12 * n)
    }
    await writeFile(path, replaceEdits(bytes, toBox('edts', toBox('elst', list))))
  }

function replaceEdits(bytes: Buffer, edits: Buffer): Buffer {
  const old = findBox(bytes, 'moov/trak/edts')
  const grown = edits.length - (old.end - old.start)
  const changed = Buffer.concat([bytes.subarray(0, old.start), edits, bytes.subarray(old.end)])
  for (const path of ['moov', 'moov/trak']) {
    const box = findBox(bytes, path)
    changed.writeUInt32BE(box.end - box.start + grown, box.start)
  }
  return changed
}

const later = (track: 'v' | 'a', seconds: number, container: readonly string[] = []): Maker => {
  const filter = track === 'v' ? ['-vf', `trim=start=${seconds}`] : ['-af', `atrim=start=${seconds}`]
  return by(signals, filter, x264, aac, container)
}

/** Films whose times are sound, in whatever way they are told. */
export const synced: Makers = {
  'plain.mp4': by(signals, x264, aac),
  'plain.webm': by(signals, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'libopus'),
  'plain.avi': by(signals, '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  'plain.flv': by(signals, '-c:v', 'flv', '-ar', '44100', '-c:a', 'libmp3lame'),
  'plain.ts': by(signals, x264, '-c:a', 'mp2'),
  'fragmented.mp4': by(signals, x264, aac, '-movflags', 'frag_keyframe+empty_moov+default_base_moof'),
  'sound-later-half.mp4': later('a', 0.5),
  'sound-later-half.mkv': later('a', 0.5),
  'sound-later-three.ts': later('a', 2.4),
  'picture-later-half.mp4': later('v', 0.48),
  'picture-later-half.mkv': later('v', 0.48),
  'picture-later-three.ts': later('v', 2.4),
  'shifted-an-hour.mkv': by(signals, x264, aac, '-output_ts_offset', '3600'),
  'wrapped.ts': by(signals, x264, '-c:a', 'mp2', '-muxdelay', '0', '-output_ts_offset', '95442.2'),
  'negative.mp4': copied('-itsoffset', '-0.4', '|', '-avoid_negative_ts', 'disabled'),
  'trimmed-by-edit.mp4': copied('-ss', '0.28', '|'),
  'pause-by-edit.mp4': edited([
    [320, -1],
    [3200, 2000],
  ]),
  'fine-timescale.mp4': stretched(1000),
  'variable-rate.mp4': by(
    signals,
    '-vf',
    "select='not(mod(n,5))+lt(mod(n,40),20)+gt(scene,0.2)'",
    '-fps_mode',
    'vfr',
    x264,
    aac,
  ),
  'variable-rate.mkv': by(
    signals,
    '-vf',
    "select='not(mod(n,5))+lt(mod(n,40),20)+gt(scene,0.2)'",
    '-fps_mode',
    'vfr',
    x264,
    '-c:a',
    'libopus',
  ),
  'rate-24000.mp4': by(toSignalInputs({ seconds: SECONDS, fps: 24000 / 1001 }), x264, aac),
  'sound-44100.mov': by(signals, x264, '-c:a', 'pcm_s16le', '-ar', '44100'),
  'sound-longer.mkv': by(signals, '-vf', 'trim=end=2.8', x264, aac),
  'picture-longer.mkv': by(signals, '-af', 'atrim=end=2.85', x264, aac),
}

const slowSignals = toSignalInputs({ seconds: 6, fps: 1, at: [2, 5] })

/** Films of strange rates. */
export const rates: Makers = {
  'one-a-second.mp4': by(slowSignals, x264, aac),
  'one-a-second.avi': by(slowSignals, '-c:v', 'mpeg4', '-c:a', 'libmp3lame'),
  'thousand.mp4': by(toSignalInputs({ seconds: 1, fps: 1000, size: '64x48', at: [0.5] }), x264, aac),
  'thousand.mkv': by(toSignalInputs({ seconds: 1, fps: 1000, size: '64x48', at: [0.5] }), x264, aac),
  'one-frame.mp4': by(['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=0.04'], x264),
  'one-frame.mkv': by(['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=0.04'], x264),
}

/** An ordinary Matroska file whose blocks then get other times, as no muxer would write them. */
const retimed =
  (change: (block: Block) => number): Maker =>
  async (path) => {
    await ffmpeg([...signals, ...x264, ...aac, path])
    await writeFile(path, editBlocks(await readFile(path), change))
  }

/** Times no muxer should write. What can be asked of them is a picture, a sound, and times that grow. */
export const broken: Makers = {
  'jumping.mkv': retimed(({ track, time, n }) => (track === 1 ? time + 90 * (n % 3) : time)),
  'falling.mkv': retimed(({ track, time, n }) => (track === 1 && n > 30 ? time - 600 : time)),
  'same-times.mkv': retimed(({ time }) => time - (time % 200)),
  'all-zero.mkv': retimed(({ track }) => (track === 1 ? 0 : 0)),
  'sound-stands-still.mkv': retimed(({ track, time }) => (track === 2 ? 0 : time)),
  'below-zero.mkv': retimed(({ time }) => time - 400),
  'negative.mkv': copied('-itsoffset', '-3', '|', '-avoid_negative_ts', 'disabled'),
  'gap-in-the-middle.mkv': copiedFrom('mkv', [...x264, '-bf', '0'])(
    '|',
    '-bsf:v',
    'setts=ts=TS+if(gt(N\\,40)\\,20000\\,0)',
    '-bsf:a',
    'setts=ts=TS+if(gt(N\\,75)\\,20000\\,0)',
  ),
  'no-times.avi': by(signals, '-c:v', 'mpeg4', '-bf', '2', '-c:a', 'pcm_s16le'),
  'backwards.ts': copiedFrom('ts')('|', '-bsf:v', 'setts=pts=PTS+if(gt(N\\,40)\\,-20000\\,0):dts=DTS', '-f', 'mpegts'),
}
