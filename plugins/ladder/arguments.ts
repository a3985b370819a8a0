import type { AudioStream, Probe, VideoStream } from 'mediad'
import { staysHdr, toColourFilters, toCommonFilters } from '../frames/colour.ts'
import { toSpatialOptions } from '../frames/spatial.ts'
import { mayChange, toAudioEncoderOptions, toFilteredAudio } from '../transcode/audio.ts'
import { videoCodecs, type AudioCodec } from '../transcode/codecs.ts'
import type { EncodeSettings } from '../transcode/options.ts'
import { toOverlapFilter } from '../transcode/packets/overlap.ts'
import { startsWithResult, toExplicitRate, toTimestampFilters, toTimestampOptions } from '../transcode/timestamps.ts'
import { toSoftwareCall, type EncoderCall } from '../transcode/encoder/call.ts'
import { suitsHardware } from '../transcode/encoder/choice.ts'
import { toHardwareCall, type Hardware } from '../transcode/encoder/hardware.ts'
import { toTag } from '../transcode/encoder/video.ts'
import type { Rung } from './rungs.ts'

/** Everything that the options of a ladder depend on, besides the source. */
export type LadderRequest = {
  readonly settings: EncodeSettings
  readonly rungs: readonly Rung[]
  /** The hardware encoder for the rungs that suit it and have the codec of the settings; undefined for software. */
  readonly hardware?: Hardware | undefined
}

/** Returns the call of the encoder of each rung. */
export function toCalls({ settings, rungs, hardware }: LadderRequest, probe: Probe): EncoderCall[] {
  const { video } = probe
  if (!video) return []
  const mastering = staysHdr(video, settings.hdr) ? (video.mastering ?? {}) : undefined
  return rungs.map((rung) => {
    const frames = { mastering, rate: toExplicitRate(video), segmentedKbps: rung.maxrateKbps }
    const isHard = hardware && rung.codec === settings.codec && suitsHardware(settings, probe, rung.size)
    return isHard
      ? toHardwareCall(hardware, rung, frames)
      : toSoftwareCall({ ...rung, threads: settings.threads }, frames)
  })
}

/** Nothing but the track: no metadata, chapters, subtitles or data. */
const only = ['-sn', '-dn', '-map_chapters', '-1', '-map_metadata', '-1', '-map_metadata:s', '-1']
const queue = ['-max_muxing_queue_size', '65536']

/** Options of the muxer for video: a fragment per keyframe, no edit list, timestamps from 0, and an index at the front. */
export const videoMuxer = [...queue, '-movflags', '+frag_keyframe+cmaf+global_sidx']

/** Returns the options of each output, one rung each. The first one has the filters of all: one decode for all rungs. */
export function toVideoOutputs(request: LadderRequest, probe: Probe): string[][] {
  const { settings, rungs } = request
  const { video } = probe
  if (!video) return []
  // the same for all rungs, so that all have the same timestamps
  const rates = rungs.flatMap(({ codec }) => videoCodecs[codec].highestRate ?? [])
  const highest = rates.length > 0 ? Math.min(...rates) : undefined
  const calls = toCalls(request, probe)
  const graph = toGraph(calls, { request, video, highest })
  const timing = toTimestampOptions(probe, video, { highest, container: 'mp4', startsAtZero: true })
  return calls.map(({ encoder, options, pixelFormat }, n) =>
    [
      n === 0 ? ['-filter_complex', graph] : [],
      ['-map', `[${toLabel(n)}]`, '-c:v', encoder, ...options],
      pixelFormat === null ? [] : ['-pix_fmt', pixelFormat],
      [...timing, ...toTag({ codec: rungs[n]?.codec ?? settings.codec, container: 'mp4' }, false)],
      ['-force_key_frames', toKeyframes(settings.keyframeSeconds), ...only, ...videoMuxer],
      toSpatialOptions(video, 'contain'),
    ].flat(),
  )
}

const toLabel = (n: number): string => `rung${n}`

type Graph = { request: LadderRequest; video: VideoStream; highest: number | undefined }

/** Returns the filters: those before the layout once, then those of each rung. */
function toGraph(calls: readonly EncoderCall[], { request, video, highest }: Graph): string {
  const { settings, rungs } = request
  const common = [...toTimestampFilters(video, highest), ...toCommonFilters(video), `split=${rungs.length}`]
  const inputs = rungs.map((_, n) => `[common${n}]`).join('')
  return [
    `[0:${video.index}]${common.join(',')}${inputs}`,
    ...rungs.map(({ layout }, n) => {
      const filters = toColourFilters(video, layout, settings.hdr).concat(calls[n]?.filters ?? [])
      return `[common${n}]${filters.join(',')}[${toLabel(n)}]`
    }),
  ].join(';')
}

/** Tolerance for the rounding of timestamps, in seconds. */
const ROUNDING = 0.001

/**
 * Returns the expression for keyframes: the first frame in each interval of the timeline. Unlike a count of forced frames, it
 * does not force all frames after a gap until the count has caught up.
 */
function toKeyframes(seconds: number): string {
  const next = `${seconds}*(1+floor((prev_forced_t+${ROUNDING})/${seconds}))`
  return `expr:if(isnan(prev_forced_t),1,gte(t+${ROUNDING},${next}))`
}

/** An audio track and the filters that bring it to the requested loudness. */
export type AudioRendition = { readonly audio: AudioStream; readonly loudness?: readonly string[] | undefined }

/**
 * Number of samples of silence before the audio, so that the second packet starts exactly at 0. The first one, which has the
 * delay of the encoder, is dropped: without an edit list, players would play everything later by that delay.
 */
const leadSamples: Readonly<Record<AudioCodec, number>> = { aac: 0, opus: 648 }

/** Returns the options of an audio output. */
export function toAudioOutput({ audio, loudness }: AudioRendition, settings: EncodeSettings, probe: Probe): string[] {
  const canChange = mayChange(probe, audio)
  // without padding, the track starts where the audio does, and that has to be kept
  const isPadded = !(canChange && startsWithResult(probe, audio))
  const firstSample = -leadSamples[settings.audio.codec]
  const dropped = [...(canChange ? [toOverlapFilter()] : []), 'noise=drop=eq(n\\,0)']
  const language = audio.language === undefined ? [] : ['-metadata:s:a:0', `language=${audio.language}`]
  const flags = `+cmaf+global_sidx${isPadded ? '' : '+frag_discont'}`
  return [
    toFilteredAudio(probe, audio, { further: loudness, firstSample }),
    toAudioEncoderOptions(settings),
    ['-bsf:a', dropped.join(','), ...only, ...language, ...queue],
    ['-frag_duration', String(settings.keyframeSeconds * 1e6), '-movflags', flags],
  ].flat()
}
