import type { Container } from './codecs.ts'
import type { Probe, VideoStream } from 'mediad'

/** Difference in start or end of two tracks, in seconds, that viewers do not notice. */
export const TOLERANCE_SECONDS = 0.05

/**
 * Returns the options before the input that make the selected tracks start at 0. ffmpeg shifts the timestamps of a file by its
 * earliest stream, which can be one that is not selected.
 */
export function toStartOptions(probe: Probe): string[] {
  const late = toFirstSeconds(probe) - probe.startSeconds
  return [...(late > TOLERANCE_SECONDS ? ['-itsoffset', (-late).toFixed(6)] : []), ...toJumpOptions(probe)]
}

/** From how many seconds on ffmpeg takes a gap in the timestamps of MPEG-TS and MPEG-PS for a jump of their clock. */
export const CLOCK_JUMP_SECONDS = 10
/** Number of frames after which a gap is a jump, and the longest assumed interval of frames, in seconds. */
const [JUMP_FRAMES, LONGEST_INTERVAL_SECONDS] = [4, 60]

/** Returns the option that keeps ffmpeg from taking the interval between two slides of a slide show for a jump of the clock. */
function toJumpOptions({ format, video }: Probe): string[] {
  if (!video || !isBroadcast(format) || (video.framesPerSecond ?? 0) >= 1) return []
  const interval = Math.min(LONGEST_INTERVAL_SECONDS, 1 / (video.framesPerSecond ?? 0))
  return ['-dts_delta_threshold', String(Math.ceil(CLOCK_JUMP_SECONDS + JUMP_FRAMES * interval))]
}

/** Returns by how many seconds a track starts after the earlier one of the selected tracks. */
export function toDelaySeconds(probe: Probe, stream: { startSeconds?: number }): number {
  return (stream.startSeconds ?? 0) - toFirstSeconds(probe)
}

/** Whether a container has a clock that can jump, and can start and end anywhere: MPEG-TS and MPEG-PS. */
export function isBroadcast(format: string): boolean {
  return format === 'mpegts' || format === 'mpeg'
}

/** Whether a track starts at the start of the result, so that it can be copied. */
export function startsWithResult(probe: Probe, stream: { startSeconds?: number }): boolean {
  return Math.abs(toDelaySeconds(probe, stream)) <= TOLERANCE_SECONDS
}

function toFirstSeconds({ video, audio, startSeconds }: Probe): number {
  const starts = [video, audio].filter((stream) => stream !== null).map((stream) => stream.startSeconds ?? 0)
  return starts.length === 0 ? startSeconds : Math.min(...starts)
}

/**
 * Returns the highest frame rate of the result: 60, or somewhat more than the average rate of the source, up to 240. Files
 * with a variable frame rate can claim 1,000 or 90,000 frames per second, and AV1 accepts 240 at most.
 */
export function toMaxRate({ framesPerSecond }: VideoStream): number {
  if (framesPerSecond === null || framesPerSecond > 240) return 60
  return Math.min(240, Math.max(60, Math.ceil(framesPerSecond * 1.1)))
}

/** Whether frames can follow each other faster than {@link toMaxRate}. */
export function exceedsMaxRate(video: VideoStream): boolean {
  const claimed = video.maxFramesPerSecond ?? null
  return claimed === null || claimed > toMaxRate(video) * 1.01
}

/**
 * Returns the frame rate that ffmpeg passes to an encoder: the claimed rate, or the average where the claim is not credible
 * (the rule of `av_guess_frame_rate`). Infinity when the rate is unknown: an encoder then uses the time base as the rate.
 */
function toReportedRate({ framesPerSecond, maxFramesPerSecond }: VideoStream): number {
  const claimed = maxFramesPerSecond ?? Infinity
  return framesPerSecond !== null && framesPerSecond < 70 && claimed > 210 ? framesPerSecond : claimed
}

/**
 * Returns the frame rate to set with an option of the encoder, because the one that ffmpeg passes is above {@link toMaxRate};
 * undefined when ffmpeg's is right. (Since ffmpeg 6, `-fpsmax` cannot be combined with `-fps_mode vfr`.)
 */
export function toExplicitRate(video: VideoStream): number | undefined {
  const max = toMaxRate(video)
  return toReportedRate(video) > max * 1.01 ? max : undefined
}

/** Whether ffmpeg passes a frame rate above `highest`, which the encoder rejects. */
function exceedsEncoderRate(video: VideoStream, highest: number | undefined): highest is number {
  return highest !== undefined && toReportedRate(video) > highest
}

/**
 * Returns filters that drop frames beyond the highest rate. They insert no frames and change no timestamps: the frame rate
 * stays variable, whatever rate the file claims. For an encoder that rejects the reported rate, `interleave` with a single
 * input makes the rate unknown and has no other effect.
 */
export function toTimestampFilters(video: VideoStream, highest?: number): string[] {
  const gap = (0.9 / toMaxRate(video)).toFixed(6)
  return [
    ...(exceedsMaxRate(video) ? [`select='isnan(prev_selected_t)+gte(t-prev_selected_t,${gap})'`] : []),
    ...(exceedsEncoderRate(video, highest) ? ['interleave=nb_inputs=1'] : []),
  ]
}

/** Where encoded video goes. */
export type Target = {
  /** The highest frame rate that the encoder accepts, if it has one. */
  readonly highest?: number | undefined
  readonly container: Container
  /** Whether the first frame is always shown from 0 on, for a container that cannot represent a track that starts late. */
  readonly startsAtZero?: boolean
}

/**
 * Returns the output options that keep timestamps exact, instead of rounding them to the claimed frame rate. The encoder's time
 * base is that of the container: where the two differ, bitstream filters of ffmpeg 5.1 mix them up.
 */
export function toTimestampOptions(probe: Probe, video: VideoStream, target: Target): string[] {
  const { highest, container, startsAtZero = isBroadcast(probe.format) } = target
  const exceeds = exceedsEncoderRate(video, highest)
  const ticks = exceeds ? highest : container === 'mp4' ? toTicks(video) : 1000
  return [
    ['-fps_mode', 'vfr', '-enc_time_base:v', `1:${ticks}`, '-bsf:v', toPacketFilter(probe, video, startsAtZero)],
    exceeds && container === 'mp4' ? ['-video_track_timescale', String(ticks)] : [],
  ].flat()
}

/**
 * Returns a bitstream filter that sets the timestamp of the first frame to 0 and every duration to that of the frame rate. A
 * first frame that is more than a second late is left there, because frames are missing, except in recordings of a broadcast,
 * which can start long before their first key frame. The
 * filter `setpts` would make ffmpeg 7.1 lose the frame rate. `setts` sets both timestamps to the decoding timestamp unless both
 * are named. Since ffmpeg 6 packets have the durations of the source, which belong to other frames where these are reordered;
 * a container keeps the last one.
 */
function toPacketFilter(probe: Probe, video: VideoStream, startsAtZero: boolean): string {
  const duration = (1 / Math.min(toReportedRate(video), toMaxRate(video))).toFixed(9)
  const latest = (Math.max(0, toDelaySeconds(probe, video)) + 1).toFixed(3)
  const isFirst = startsAtZero ? 'eq(N\\,0)' : `eq(N\\,0)*lt(PTS*TB\\,${latest})`
  // `weave` gives a frame the timestamp of its second field
  const shift = video.codedFields === undefined ? '' : `-${(1 / (2 * toReportedRate(video))).toFixed(9)}/TB`
  const [pts, dts] = [`if(${isFirst}\\,0\\,PTS${shift})`, `if(${isFirst}\\,min(DTS\\,0)\\,DTS)${shift}`]
  return `setts=pts=${pts}:dts=${dts}:duration=${duration}/TB`
}

/** The MP4 muxer doubles a smaller time base until it reaches this. */
const MIN_TICKS = 10_000

/**
 * Returns the time base in ticks per second: for a constant frame rate one in which timestamps are integers (24,000 for 24 and
 * 23.976, 30,000 for 30 and 29.97), for a variable one 90,000.
 */
function toTicks({ framesPerSecond, maxFramesPerSecond }: VideoStream): number {
  const rate = framesPerSecond ?? 0
  const isConstant = rate > 0 && maxFramesPerSecond != null && Math.abs(maxFramesPerSecond - rate) < 0.01
  const nominal = [rate, rate * 1.001].find((value) => Math.abs(value - Math.round(value)) < 0.002)
  if (!isConstant || nominal === undefined || rate > 240 || nominal < 1) return 90_000
  const ticks = Math.round(nominal) * 1000
  return ticks * 2 ** Math.max(0, Math.ceil(Math.log2(MIN_TICKS / ticks)))
}
