/** MPEG-TS and MPEG-PS as recorders cut and join them. Flashes and beeps are at the same times. */
import { readFile, writeFile } from 'node:fs/promises'
import { toSignalInputs } from '../sync.ts'
import { joined } from './announced.ts'
import { aac, audioInput, encode, h264, videoInput, type Maker, type Makers } from './files.ts'

/** Bytes of a packet of MPEG-TS, and of a pack of MPEG-PS as ffmpeg writes it. */
const PACKET_BYTES = { ts: 188, mpg: 2048 }
/** Few frames, and key frames only at these times, so that most of the bytes are between them. */
const keysAt = (...seconds: readonly number[]) => [
  ...h264,
  '-bf',
  '0',
  '-g',
  '999',
  '-force_key_frames',
  seconds.join(),
]

/** Creates a recording and removes its start, up to a share of its packets. */
const withoutStart =
  (share: number, ...options: readonly (string | readonly string[])[]): Maker =>
  async (path) => {
    await encode(...options)(path)
    const bytes = await readFile(path)
    const size = path.endsWith('.ts') ? PACKET_BYTES.ts : PACKET_BYTES.mpg
    await writeFile(path, bytes.subarray(size * Math.floor((share * bytes.length) / size)))
  }

const early = toSignalInputs({ seconds: 5, at: [3.2, 4.4] })
const late = toSignalInputs({ seconds: 12, fps: 5, at: [10.4, 11.4] })

/** Recordings that start long before their first frame or their audio. */
export const lateStarts: Makers = {
  'starts-inside-gop.ts': withoutStart(0.2, early, keysAt(0, 2.8), '-c:a', 'mp2'),
  'starts-inside-gop-hevc.ts': withoutStart(
    0.2,
    early,
    ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:bframes=0:keyint=70:scenecut=0'],
    ['-c:a', 'aac'],
  ),
  'starts-inside-gop-mpeg2.mpg': withoutStart(0.2, early, '-c:v', 'mpeg2video', '-g', '70', '-bf', '0', '-c:a', 'mp2'),
  'long-wait-for-key.ts': withoutStart(0.05, late, keysAt(0, 10), '-c:a', 'mp2'),
  'audio-after-nine-seconds.mpg': encode(late, '-r', '25', '-af', 'atrim=start=9', '-c:v', 'mpeg2video', '-c:a', 'mp2'),
  'audio-after-nine-seconds.ts': encode(late, '-af', 'atrim=start=9', h264, aac),
  'video-after-nine-seconds.ts': encode(late, '-vf', 'trim=start=9', h264, aac),
}

/** A slide show: three frames, twelve seconds apart. */
export const slides: Makers = {
  'slides.ts': encode(
    ['-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=1/12:d=36', ...audioInput({ seconds: 36 })],
    [...h264, '-tune', 'zerolatency', '-c:a', 'mp2'],
  ),
}

const tone = (frequency: number) => audioInput({ seconds: 2 }, frequency)
const ad = [...toSignalInputs({ seconds: 2, fps: 30000 / 1001, at: [0.6, 1.4] }), '-ar', '44100']
const stream = toSignalInputs({ seconds: 3, fps: 60, at: [0.5, 1.2] })

/** Puts each frame of audio into a packet of its own: ffmpeg derives the timestamps of others from the first sample rate. */
const frameByFrame = ['-pes_payload_size', '0']

/** Joined streams, of which none lacks anything. */
export const joinedStreams: Makers = {
  'ad-then-stream.ts': joined(
    [...ad, ...keysAt(0), '-c:a', 'aac', ...frameByFrame],
    [...stream, ...keysAt(0), '-c:a', 'aac', ...frameByFrame, '-output_ts_offset', '2'],
  ),
  'same-rate.ts': joined(
    [...toSignalInputs({ seconds: 2, at: [0.6, 1.4] }), ...keysAt(0), ...aac],
    [...toSignalInputs({ seconds: 2, at: [0.6, 1.4] }), ...keysAt(0), ...aac, '-output_ts_offset', '2'],
  ),
}

const program = (n: number, streams: string) => ['-program', `program_num=${n}:${streams}`]

/** Recordings with several programs, or with a program whose tracks change. */
export const programs: Makers = {
  'map-changes.ts': joined(
    [...videoInput({ seconds: 1 }), ...audioInput({ seconds: 1 }), ...h264, ...aac],
    [...videoInput({ seconds: 1 }), ...audioInput({ seconds: 1 }), ...h264, ...aac, ...toPids(512, 1)],
  ),
  'map-changes-for-audio.ts': joined(
    [...videoInput({ seconds: 1 }), ...audioInput({ seconds: 1 }), ...h264, ...aac],
    [
      ...videoInput({ seconds: 1 }),
      ...audioInput({ seconds: 1 }),
      ...h264,
      ...aac,
      '-streamid',
      '1:600',
      ...toPids(256, 1),
    ],
  ),
  'two-programs.ts': encode(
    [videoInput({ size: '64x48' }), videoInput({ size: '160x90' }), tone(1000), tone(440)].flat(),
    ['-map', '0', '-map', '1', '-map', '2', '-map', '3', ...h264, ...aac, '-ac:a:0', '2', '-ac:a:1', '1'],
    [...program(1, 'st=0:st=2'), ...program(2, 'st=1:st=3')],
  ),
}

/** Starts the PIDs of the tracks at another number, and lets the version of the tables differ from the usual one. */
function toPids(first: number, version: number): string[] {
  return ['-mpegts_start_pid', String(first), '-tables_version', String(version), '-output_ts_offset', '1']
}
