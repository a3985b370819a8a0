import type { MediaSummary } from '../vocabulary/job.ts'
import { isHdr, isStill, toDisplaySize, type AudioStream, type Probe, type VideoStream } from '../vocabulary/media.ts'

/** Converts a probe to the summary in the job document. */
export function toSummary({ format, video, audio, durationSeconds, chapterCount, streamCount }: Probe): MediaSummary {
  return {
    format,
    ...(video && toVideoSummary(video)),
    ...(audio && toAudioSummary(audio, video ? 'audioCodec' : 'codec')),
    // ffprobe reports the duration of one frame for an image
    ...(durationSeconds !== null && !isStill({ format }) && { durationSeconds }),
    streams: streamCount,
    ...(chapterCount > 0 && { chapters: chapterCount }),
  }
}

function toVideoSummary(video: VideoStream): MediaSummary {
  const { codec, framesPerSecond, pixelFormat, rotation } = video
  return {
    codec,
    ...toDisplaySize(video),
    ...(framesPerSecond !== null && { framesPerSecond: Math.round(framesPerSecond * 1000) / 1000 }),
    ...(pixelFormat !== null && { pixelFormat }),
    ...(isHdr(video) && { hdr: true }),
    ...(rotation !== 0 && { rotation }),
  }
}

function toAudioSummary(
  { codec, channels, sampleRate, language }: AudioStream,
  name: 'codec' | 'audioCodec',
): MediaSummary {
  return { [name]: codec, channels, sampleRate, ...(language !== undefined && { language }) }
}
