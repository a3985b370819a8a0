/** Complete files that announce another size or another duration than they have, or whose timestamps start anywhere. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { toSignalInputs } from '../sync.ts'
import { findBoxes } from './boxes.ts'
import { aac, audioInput, encode, h264, type Maker, type Makers } from './files.ts'

const signals = toSignalInputs({ seconds: 2, at: [0.6, 1.48] })
const tone = [...audioInput({ seconds: 1 }), '-fflags', '+bitexact']
const x264 = [...h264, '-bf', '0', '-g', '25']
const mpeg2 = ['-c:v', 'mpeg2video', '-c:a', 'mp2']
const fromAnHour = ['-output_ts_offset', '3600']

/** Creates a file and changes its bytes. */
const edited =
  (options: readonly string[], change: (bytes: Buffer) => void): Maker =>
  async (path) => {
    await encode(options)(path)
    const bytes = await readFile(path)
    change(bytes)
    await writeFile(path, bytes)
  }

/** Creates a WAV with these sizes in its header: of the file, and of the data. */
const wav = (riff: number, data?: number): Maker =>
  edited(tone, (bytes) => {
    bytes.writeUInt32LE(riff, 4)
    if (data !== undefined) bytes.writeUInt32LE(data, bytes.indexOf('data') + 4)
  })

/** Adds an hour to the timestamps of all fragments. Both tracks have 48,000 ticks per second. */
function delayFragments(bytes: Buffer): void {
  for (const { bodyStart } of findBoxes(bytes, 'moof/traf/tfdt'))
    bytes.writeBigUInt64BE(bytes.readBigUInt64BE(bodyStart + 4) + 3600n * 48_000n, bodyStart + 4)
}

/** Writes the number of frames or samples in the header of an AVI's track. */
function setAviLength(bytes: Buffer, type: 'vids' | 'auds', length: number): void {
  bytes.writeUInt32LE(length, bytes.indexOf(`strh\x38\0\0\0${type}`, 'latin1') + 40)
}

const avi = [...signals, '-c:v', 'mpeg4', '-c:a', 'libmp3lame']

/** Creates two files with ffmpeg and appends the second to the first. */
export const joined =
  (first: readonly string[], second: readonly string[]): Maker =>
  async (path) => {
    const parts = [first, second].map(async (options, n) => {
      const part = `${path}.${n}.${path.split('.').at(-1)}`
      await encode(options)(part)
      const bytes = await readFile(part)
      await rm(part)
      return bytes
    })
    await writeFile(path, Buffer.concat(await Promise.all(parts)))
  }

/** WAV and CAF written by programs that cannot go back to complete the header. */
export const streamedAudio: Makers = {
  'size-of-sox.wav': wav(0x7fff_f024, 0x7fff_f000),
  'size-of-recorders.wav': wav(2_000_000_036, 2_000_000_000),
  'largest-size.wav': wav(0x7fff_ffff, 0x7fff_ffdb),
  'size-unknown.wav': wav(0xffff_ffff, 0xffff_ffff),
  'size-zero.wav': wav(0, 0),
  'size-of-file-wrong.wav': wav(1_234_567),
  'size-of-sox.aiff': edited(tone, (bytes) => {
    bytes.writeUInt32BE(0x7f00_0000, bytes.indexOf('SSND') + 4)
    bytes.writeUInt32BE(0x3f7f_fffc, bytes.indexOf('COMM') + 10) // the number of samples
  }),
  'size-unknown.caf': edited(tone, (bytes) => bytes.writeBigInt64BE(-1n, bytes.lastIndexOf('data') + 4)),
}

/** Videos that flash and beep at the same times. */
export const announcedVideo: Makers = {
  'from-an-hour.flv': encode(signals, x264, aac, fromAnHour, '-flvflags', 'no_duration_filesize'),
  'from-an-hour.mkv': encode(signals, x264, aac, fromAnHour),
  'from-an-hour.webm': encode(signals, '-c:v', 'libvpx', '-c:a', 'libopus', '-live', '1', fromAnHour),
  'from-an-hour.wmv': encode(signals, '-c:v', 'wmv2', '-c:a', 'wmav2', fromAnHour),
  'from-an-hour.mp4': edited(
    [...signals, ...x264, ...aac, '-video_track_timescale', '48000', '-movflags', 'frag_keyframe+empty_moov'],
    delayFragments,
  ),
  'clock-ahead.mpg': joined([...signals, ...mpeg2], [...signals, ...mpeg2, '-output_ts_offset', '600']),
  'unfinished.avi': edited(avi, (bytes) => {
    bytes.writeUInt32LE(0xffff_ffff, 4)
    setAviLength(bytes, 'vids', 0x4000_0000)
    setAviLength(bytes, 'auds', 0x4000_0000)
  }),
  'absurd-audio-length.avi': edited(avi, (bytes) => setAviLength(bytes, 'auds', 0x7fff_ffff)),
  'absurd-last-duration.mkv': async (path) => {
    await encode(signals, x264, aac)(`${path}.plain.mkv`)
    const absurd = 'setts=pts=PTS:dts=DTS:duration=if(eq(N\\,49)\\,36000/TB\\,DURATION)'
    await encode(['-i', `${path}.plain.mkv`], '-c', 'copy', '-bsf:v', absurd)(path)
    await rm(`${path}.plain.mkv`)
  },
}

/** Audio whose timestamps start anywhere. */
export const announcedAudio: Makers = {
  'from-an-hour.opus': encode(audioInput({ seconds: 1 }), '-c:a', 'libopus', fromAnHour),
  'from-an-hour.ogg': encode(audioInput({ seconds: 1 }), '-c:a', 'libvorbis', fromAnHour),
  'from-an-hour.wma': encode(audioInput({ seconds: 1 }), '-c:a', 'wmav2', fromAnHour),
}
