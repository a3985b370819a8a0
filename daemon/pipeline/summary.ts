import type { MediaSummary } from '../vocabulary/job.ts'
import { isHdr, isStill, toDisplaySize, type AudioStream, type Probe, type VideoStream } from '../vocabulary/media.ts'

/** What of a probe stands in a job document. */
export function toSummary({ format, video, audio, durationSeconds, chapterCount, streamCount }: Probe): MediaSummary {
  return {
    format,
    ...(video && ofVideo(video)),
    ...(audio && ofAudio(audio, video ? 'audioCodec' : 'codec')),
    // a picture's "duration" is one frame of a film that is none
    ...(durationSeconds !== null && !isStill({ format }) && { durationSeconds }),
    streams: streamCount,
    ...(chapterCount > 0 && { chapters: chapterCount }),
  }
}

function ofVideo(video: VideoStream): MediaSummary {
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

function ofAudio({ codec, channels, sampleRate, language }: AudioStream, name: 'codec' | 'audioCodec'): MediaSummary {
  return { [name]: codec, channels, sampleRate, ...(language !== undefined && { language }) }
}
