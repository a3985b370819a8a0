/**
 * The sample file for the trial runs of ffmpeg and ffprobe at start. It is built byte by byte, so that no file has to be
 * shipped and ffmpeg needs no `lavfi` (missing from minimal builds).
 */
import type { Probe } from '../vocabulary/media.ts'

const SIDE = 64
const FRAMES = 5
const FRAMES_PER_SECOND = 25
const SAMPLE_RATE = 48_000
const CHANNELS = 2
const FRAME_BYTES = (SIDE * SIDE * 3) / 2
const BLOCK_BYTES = CHANNELS * 2
const AUDIO_BYTES = (SAMPLE_RATE / FRAMES_PER_SECOND) * BLOCK_BYTES
const SECONDS = FRAMES / FRAMES_PER_SECOND

/** The probe of {@link toSampleVideo}: 64x64 pixels, 4:2:0, stereo at 48 kHz, 0.2 s. */
export const sampleProbe: Probe = {
  format: 'avi',
  durationSeconds: SECONDS,
  startSeconds: 0,
  sizeBytes: FRAMES * (FRAME_BYTES + AUDIO_BYTES),
  video: {
    index: 0,
    codec: 'rawvideo',
    width: SIDE,
    height: SIDE,
    rotation: 0,
    pixelFormat: 'yuv420p',
    framesPerSecond: FRAMES_PER_SECOND,
    maxFramesPerSecond: FRAMES_PER_SECOND,
    durationSeconds: SECONDS,
  },
  audio: {
    index: 1,
    codec: 'pcm_s16le',
    channels: CHANNELS,
    sampleRate: SAMPLE_RATE,
    durationSeconds: SECONDS,
  },
  subtitles: [],
  skipped: [],
  streamCount: 2,
  chapterCount: 0,
}

/** Builds an AVI of raw video (a grey ramp) and PCM audio (a quiet square wave). */
export function toSampleVideo(): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES, 128)
  for (let at = 0; at < SIDE * SIDE; at++) frame[at] = 16 + (at % SIDE) * 3
  const audio = Buffer.alloc(AUDIO_BYTES)
  for (let at = 0; at < AUDIO_BYTES; at += 2) audio.writeInt16LE(at % 256 < 128 ? 2000 : -2000, at)
  const interleaved = Array.from({ length: FRAMES }, () => [toChunk('00dc', frame), toChunk('01wb', audio)])
  const header = toList('hdrl', [toChunk('avih', toMainHeader()), toVideoHeaders(), toAudioHeaders()])
  return toList('AVI ', [header, toList('movi', interleaved.flat())], 'RIFF')
}

/** A field of a RIFF chunk, little-endian: numbers take four bytes, `{ short }` takes two, a string one per character. */
type Field = number | { readonly short: number } | string

function toBytes(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      if (typeof field === 'string') return Buffer.from(field, 'latin1')
      const bytes = Buffer.alloc(typeof field === 'number' ? 4 : 2)
      if (typeof field === 'number') bytes.writeUInt32LE(field)
      else bytes.writeUInt16LE(field.short)
      return bytes
    }),
  )
}

function toChunk(name: string, data: Buffer): Buffer {
  return Buffer.concat([toBytes([name, data.length]), data, Buffer.alloc(data.length % 2)])
}

function toList(type: string, chunks: readonly Buffer[], name: 'LIST' | 'RIFF' = 'LIST'): Buffer {
  return toChunk(name, Buffer.concat([toBytes([type]), ...chunks]))
}

function toMainHeader(): Buffer {
  const isInterleaved = 0x100
  const streams = 2
  const frame = [1e6 / FRAMES_PER_SECOND, FRAMES_PER_SECOND * (FRAME_BYTES + AUDIO_BYTES), 0, isInterleaved]
  return toBytes([...frame, FRAMES, 0, streams, FRAME_BYTES, SIDE, SIDE, 0, 0, 0, 0])
}

function toVideoHeaders(): Buffer {
  const [bitsPerPixel, planes] = [{ short: 12 }, { short: 1 }]
  const noLanguage = [0, 0, 0]
  const rate = [1, FRAMES_PER_SECOND, 0, FRAMES]
  const stream = toBytes(['vids', 'I420', ...noLanguage, ...rate, FRAME_BYTES, 0, 0, 0, 0])
  const bitmap = toBytes([40, SIDE, SIDE, planes, bitsPerPixel, 'I420', FRAME_BYTES, 0, 0, 0, 0])
  return toList('strl', [toChunk('strh', stream), toChunk('strf', bitmap)])
}

function toAudioHeaders(): Buffer {
  const [pcm, channels, blockBytes, bits] = [{ short: 1 }, { short: CHANNELS }, { short: BLOCK_BYTES }, { short: 16 }]
  const bytesPerSecond = SAMPLE_RATE * BLOCK_BYTES
  const rate = [BLOCK_BYTES, bytesPerSecond, 0, SECONDS * SAMPLE_RATE]
  const stream = toBytes(['auds', 0, 0, 0, 0, ...rate, AUDIO_BYTES, 0, BLOCK_BYTES, 0, 0])
  const format = toBytes([pcm, channels, SAMPLE_RATE, bytesPerSecond, blockBytes, bits])
  return toList('strl', [toChunk('strh', stream), toChunk('strf', format)])
}
