/**
 * Seconds in which half of an error of the timestamps is corrected. Longer: less jitter remains. Shorter: drift is followed
 * more closely; audio lags by this many seconds times the drift.
 */
const SMOOTHING_SECONDS = 1.5
/** A difference from the expected time that is a gap or an overlap, in seconds, unless the jitter is larger. */
const GAP_SECONDS = 0.1

/** A difference from the smoothed timestamps that `aresample` corrects at once, in seconds. */
const HARD_SECONDS = 0.04

export type ResamplingOptions = {
  /** Further options of `aresample`. */
  readonly padding: string
  /** Whether the source is an MP4 or MOV: a fragmented one can have a gap behind the first packet, which the encoder added. */
  readonly isMov: boolean
}

/** Sets variable 2 to the difference of a frame's timestamp from the end of the frame before (variable 0). */
const difference = 'st(2,if(isnan(T),0,T-ld(0)))'

/** Counts frames in variable 5: for audio, `N` is the number of samples. */
const countFrame = 'st(5,ld(5)+1)'

/**
 * Returns the filters that resample to 48 kHz and correct timestamps. Jitter around a continuous track is smoothed, drift is
 * stretched (up to 4 %), and only a real gap becomes silence, and a real overlap is dropped.
 *
 * First `asetpts` smooths the timestamps: each frame follows the one before, corrected by a part of the difference. Variable 1
 * is the average difference: where jitter is large, a gap has to be larger. `aresample` then stretches the audio to these
 * timestamps. Its resampler has to run from the start (`flags=res`): ffmpeg 5.1 loses samples when it starts later.
 */
export function toResamplingFilters({ padding, isMov }: ResamplingOptions): string[] {
  const isGap = `gt(abs(ld(2)),max(${GAP_SECONDS},4*ld(1)))${isMov ? `+eq(ld(5),1)*gt(abs(ld(2)),${HARD_SECONDS})` : ''}`
  const steps = [
    difference,
    'st(1,0.98*ld(1)+0.02*min(abs(ld(2)),0.5))',
    `st(3,if(eq(N,0)+isnan(ld(0))+${isGap},T,ld(0)+ld(2)*min(1,S/SR/${SMOOTHING_SECONDS})))`,
    'st(0,ld(3)+S/SR)',
    countFrame,
    'ld(3)/TB',
  ]
  const options = `async=1:min_hard_comp=${HARD_SECONDS}:max_soft_comp=0.04:flags=res${padding}`
  return [`asetpts='${steps.join(';')}'`, `aresample=48000:${options}`]
}

/** Smallest difference that is reported, in seconds: more than the rounding of a container's timestamps. */
const JITTER_SECONDS = 0.03

/** Returns a filter that changes nothing, and prints a number once when the timestamps of audio are not continuous. */
export function toJitterDetection(detection: number): string {
  const isJitter = `gt(ld(5),1)*gt(abs(ld(2)),${JITTER_SECONDS})*not(ld(4))`
  const report = `if(${isJitter},st(4,print(${detection},24)))`
  return `asetpts='${[difference, report, 'st(0,if(isnan(T),ld(0),T)+S/SR)', countFrame, 'PTS'].join(';')}'`
}
