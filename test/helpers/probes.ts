import { z } from 'zod'
import { limitsShape } from '../../daemon/config/limits.ts'
import type { AudioStream, Probe, VideoStream } from '../../daemon/index.ts'

/** The default limits. */
export const limits = z.strictObject(limitsShape).parse({})

export function aVideo(changes: Partial<VideoStream> = {}): VideoStream {
  const shape = { index: 2, width: 1920, height: 1080, rotation: 0, pixelFormat: 'yuv420p' } as const
  const rate = { framesPerSecond: 30, maxFramesPerSecond: 30, durationSeconds: 10 }
  return { codec: 'vp9', matrix: 'bt709', ...shape, ...rate, ...changes }
}

export function anAudio(changes: Partial<AudioStream> = {}): AudioStream {
  return { index: 5, codec: 'aac', profile: 'LC', channels: 2, sampleRate: 48_000, durationSeconds: 10, ...changes }
}

/** Creates the probe of a ten-second video in an mp4 with seven streams. */
export function aProbe(changes: Partial<Probe> = {}): Probe {
  return {
    format: 'mov,mp4',
    durationSeconds: 10,
    startSeconds: 0,
    sizeBytes: 1000,
    video: aVideo(),
    audio: anAudio(),
    subtitles: [],
    skipped: [],
    streamCount: 7,
    chapterCount: 0,
    ...changes,
  }
}
