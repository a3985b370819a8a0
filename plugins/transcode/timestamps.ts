import type { Container } from './codecs.ts'
import type { Probe, VideoStream } from 'mediad'

/** How much earlier one of two streams may begin, or end, before anybody notices. */
export const NOTICED_SECONDS = 0.05

/**
 * Options before the input that let the chosen streams begin at 0. ffmpeg shifts a file by its earliest stream, which may
 * be one that is not chosen.
 */
export function toStartOptions(probe: Probe): string[] {
  const late = toFirstSeconds(probe) - probe.startSeconds
  return late > NOTICED_SECONDS ? ['-itsoffset', (-late).toFixed(6)] : []
}

/** How long after the other chosen stream this one begins. */
export function toDelaySeconds(probe: Probe, stream: { startSeconds?: number }): number {
  return (stream.startSeconds ?? 0) - toFirstSeconds(probe)
}

/** Whether a stream begins with the result, so that it can be copied into it. */
export function beginsWithResult(probe: Probe, stream: { startSeconds?: number }): boolean {
  return Math.abs(toDelaySeconds(probe, stream)) <= NOTICED_SECONDS
}

function toFirstSeconds({ video, audio, startSeconds }: Probe): number {
  const starts = [video, audio].filter((stream) => stream !== null).map((stream) => stream.startSeconds ?? 0)
  return starts.length === 0 ? startSeconds : Math.min(...starts)
}

/**
 * The highest rate of the result. Files of changing rates may claim 1,000 or 90,000 frames per second, and AV1 takes 240
 * at most. So it is 60, or what the average of the file shows to be real.
 */
export function toMaxRate({ framesPerSecond }: VideoStream): number {
  if (framesPerSecond === null || framesPerSecond > 240) return 60
  return Math.min(240, Math.max(60, Math.ceil(framesPerSecond * 1.1)))
}

/** Whether frames may follow each other faster than {@link toMaxRate}. */
export function exceedsMaxRate(video: VideoStream): boolean {
  const claimed = video.maxFramesPerSecond ?? null
  return claimed === null || claimed > toMaxRate(video) * 1.01
}

/**
 * The frame rate that ffmpeg passes to an encoder: the average where the claimed rate is not credible, as
 * `av_guess_frame_rate` decides it. Infinity where the file does not say: an encoder then takes the time base for it.
 */
function toAnnouncedRate({ framesPerSecond, maxFramesPerSecond }: VideoStream): number {
  const claimed = maxFramesPerSecond ?? Infinity
  return framesPerSecond !== null && framesPerSecond < 70 && claimed > 210 ? framesPerSecond : claimed
}

/**
 * The frame rate that an encoder must be given by an option of its own, because the one that ffmpeg passes to it is above
 * {@link toMaxRate}; undefined when ffmpeg's will do. (`-fpsmax` does not combine with `-fps_mode vfr` since ffmpeg 6.)
 */
export function toOwnRate(video: VideoStream): number | undefined {
  const max = toMaxRate(video)
  return toAnnouncedRate(video) > max * 1.01 ? max : undefined
}

/** Whether ffmpeg passes a frame rate to an encoder that is above `highest`, which the encoder refuses. */
function isRefused(video: VideoStream, highest: number | undefined): highest is number {
  return highest !== undefined && toAnnouncedRate(video) > highest
}

/**
 * Filters that drop frames which follow each other faster than the highest rate. No frames are inserted: they keep their
 * timestamps, whatever rate the file claims. For an encoder that refuses the announced rate, `interleave` of a single
 * input makes it unknown and changes nothing else.
 */
export function toTimeFilters(video: VideoStream, highest?: number): string[] {
  const gap = (0.9 / toMaxRate(video)).toFixed(6)
  return [
    ...(exceedsMaxRate(video) ? [`select='isnan(prev_selected_t)+gte(t-prev_selected_t,${gap})'`] : []),
    ...(isRefused(video, highest) ? ['interleave=nb_inputs=1'] : []),
  ]
}

/** Where encoded video goes: the highest frame rate the encoder accepts, if there is one, and the container. */
export type Target = { readonly highest?: number | undefined; readonly container: Container }

/**
 * Options of an encoder that must not round timestamps to a rate that the file only claims. Its unit of time is the one of
 * the container: where they differ, bitstream filters of ffmpeg 5.1 confuse them.
 */
export function toTimeOptions(probe: Probe, video: VideoStream, { highest, container }: Target): string[] {
  const refused = isRefused(video, highest)
  const ticks = refused ? highest : container === 'mp4' ? toTicks(video) : 1000
  return [
    ['-fps_mode', 'vfr', '-enc_time_base:v', `1:${ticks}`, '-bsf:v', toPacketTimes(probe, video)],
    refused && container === 'mp4' ? ['-video_track_timescale', String(ticks)] : [],
  ].flat()
}

/**
 * Shows the first frame from the very beginning. A bitstream filter does it, because ffmpeg 7.1 forgets the frame rate
 * behind the filter `setpts`. `setts` sets both timestamps to the decoding timestamp unless both are named. The durations,
 * of which a container keeps the last, are those of the frame rate: from ffmpeg 6 on they are the source's, which belong to
 * other frames where these are reordered.
 */
function toPacketTimes(probe: Probe, video: VideoStream): string {
  const duration = (1 / Math.min(toAnnouncedRate(video), toMaxRate(video))).toFixed(9)
  const beginning = (Math.max(0, toDelaySeconds(probe, video)) + 1).toFixed(3)
  const isFirst = `eq(N\\,0)*lt(PTS*TB\\,${beginning})`
  return `setts=pts=if(${isFirst}\\,0\\,PTS):dts=if(${isFirst}\\,min(DTS\\,0)\\,DTS):duration=${duration}/TB`
}

/** mp4's muxer doubles what is less. */
const LEAST_TICKS = 10_000

/** Ticks per second in which a picture's time is a whole number: of 24, 25, 30 per second, of 23.976 and 29.97, of others. */
function toTicks({ framesPerSecond, maxFramesPerSecond }: VideoStream): number {
  const rate = framesPerSecond ?? 0
  const isSteady = rate > 0 && maxFramesPerSecond != null && Math.abs(maxFramesPerSecond - rate) < 0.01
  const whole = [rate, rate * 1.001].find((value) => Math.abs(value - Math.round(value)) < 0.002)
  if (!isSteady || whole === undefined || rate > 240 || whole < 1) return 90_000
  const ticks = Math.round(whole) * 1000
  return ticks * 2 ** Math.max(0, Math.ceil(Math.log2(LEAST_TICKS / ticks)))
}
