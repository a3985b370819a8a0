import type { Probe } from 'mediad'
import { toCopyFilter } from '../../bitstream/evidence.ts'
import { staysHdr, toFrameFilters } from '../../frames/colour.ts'
import { toLayout } from '../../frames/size.ts'
import { videoCodecs } from '../codecs.ts'
import type { CopyPlan } from '../copy.ts'
import type { EncodeSettings } from '../options.ts'
import { toExplicitRate, toTimestampFilters, toTimestampOptions } from '../timestamps.ts'
import { toSoftwareCall, type EncoderCall } from './call.ts'
import { suitsHardware } from './choice.ts'
import { toHardwareCall, type Hardware } from './hardware.ts'

/** Everything that a command line depends on, besides the source. */
export type EncodeRequest = {
  readonly settings: EncodeSettings
  readonly plan: CopyPlan
  readonly loudness?: readonly string[] | undefined
  /** The hardware encoder for video that suits it; undefined for software. */
  readonly hardware?: Hardware | undefined
}

/** Returns the call of the encoder; null when the video is copied, or there is none. */
export function toCall(request: EncodeRequest, probe: Probe): EncoderCall | null {
  const { settings, plan, hardware } = request
  const { video } = probe
  if (!video || plan.video) return null
  const mastering = staysHdr(video, settings.hdr) ? (video.mastering ?? {}) : undefined
  const frames = { mastering, rate: toExplicitRate(video) }
  return hardware && suitsHardware(settings, probe)
    ? toHardwareCall(hardware, settings, frames)
    : toSoftwareCall(settings, frames)
}

/** Returns the tag of video in an mp4. Apple's players require `hvc1`; copied H.264 can have `avc3`, which many players reject. */
export function toTag({ codec, container }: Pick<EncodeSettings, 'codec' | 'container'>, isCopy: boolean): string[] {
  if (container !== 'mp4') return []
  if (codec === 'hevc') return ['-tag:v', 'hvc1']
  return codec === 'h264' && isCopy ? ['-tag:v', 'avc1'] : []
}

/** Returns the options that map the video and encode or copy it. */
export function toVideoOptions(request: EncodeRequest, probe: Probe): string[] {
  const { settings, plan } = request
  const { video } = probe
  if (!video) return ['-vn']
  const call = toCall(request, probe)
  const map = ['-map', `0:${video.index}`]
  const tag = toTag(settings, plan.video)
  if (!call) return [...map, '-c:v', 'copy', ...toCopyFilter(video, plan.units ?? 'all'), ...tag]
  const { minSide, highestRate } = videoCodecs[settings.codec]
  const filters = [
    ...toTimestampFilters(video, highestRate),
    ...toFrameFilters(video, toLayout(video, { ...settings, minSide }), settings),
    ...call.filters,
  ]
  return [
    [...map, '-c:v', call.encoder, ...call.options, '-vf', filters.join(',')],
    call.pixelFormat === null ? [] : ['-pix_fmt', call.pixelFormat],
    [...toTimestampOptions(probe, video, { highest: highestRate, container: settings.container }), ...tag],
  ].flat()
}
