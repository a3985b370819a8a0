import { MediadError, type FfmpegCommand, type FfmpegResult, type Probe, type RunContext } from 'mediad'
import { staysHdr } from '../../frames/colour.ts'
import { toFinalSize, toLayout, type Size } from '../../frames/size.ts'
import type { EncodeSettings } from '../options.ts'
import { toExplicitRate } from '../timestamps.ts'
import {
  families,
  isDeviceOf,
  isHardwareCodec,
  isHardwareSize,
  toHardwareEncoder,
  type Family,
  type Hardware,
} from './hardware.ts'

/** Which hardware encoder a daemon uses: the trials at its start decide for `auto`. */
export type Choice = {
  /** The hardware encoders to try; their failure is an error unless `isOptional`. */
  readonly candidates: readonly Hardware[]
  readonly isOptional: boolean
  /** Records how a trial ended. */
  report(family: Family, failure: string | null): void
  /** Returns the hardware encoder for a job; undefined for software. */
  choose(): Hardware | undefined
  /** Returns the warning for a video that was encoded in software because no hardware encoder works; null if one does. */
  explain(): string | null
}

export function createChoice({ codec, hardware, hardwareDevice }: EncodeSettings): Choice {
  const candidates = toCandidates(hardware).flatMap((family) => {
    const accepts = hardwareDevice === undefined || isDeviceOf(family, hardwareDevice)
    return hardware !== 'auto' || accepts ? [{ family, device: hardwareDevice }] : []
  })
  const isOptional = hardware === 'auto'
  const failures = new Map<Family, string | null>()
  const choose = () => (isOptional ? candidates.find(({ family }) => failures.get(family) === null) : candidates[0])
  return {
    candidates,
    isOptional,
    report: (family, failure) => void failures.set(family, failure),
    choose,
    explain() {
      if (!isOptional || choose() !== undefined) return null
      const tried = [...failures].map(([family, failure]) => `${toHardwareEncoder(codec, family)}: ${failure}`)
      return `no hardware encoder works, so the video was encoded in software: ${tried.join('; ') || 'none was tried'}`
    },
  }
}

function toCandidates(hardware: EncodeSettings['hardware']): readonly Family[] {
  if (hardware === 'none') return []
  return hardware === 'auto' ? families : [hardware]
}

/**
 * Whether hardware encoders can encode this video as well as software does: not if it is very small or large, not if its
 * frame rate is implausible, which only software encoders are told, and not if it stays HDR with mastering metadata, which
 * only software encoders are sure to write.
 *
 * @param given size of the result, unless it follows from the settings
 */
export function suitsHardware(settings: EncodeSettings, { video }: Probe, given?: Size): boolean {
  if (!video || !isHardwareCodec(settings.codec)) return false
  const size = given ?? toFinalSize(toLayout(video, settings))
  const hasMastering = staysHdr(video, settings.hdr) && Boolean(video.mastering?.display ?? video.mastering?.light)
  return isHardwareSize(settings.codec, size) && toExplicitRate(video) === undefined && !hasMastering
}

/** Runs ffmpeg. Returns null, with a warning, when a hardware encoder fails that software can replace. */
export async function runUnlessHardwareFails(
  context: RunContext,
  command: FfmpegCommand,
  encoder: string | undefined,
): Promise<FfmpegResult | null> {
  try {
    return await context.ffmpeg(command)
  } catch (error) {
    if (encoder === undefined || !(error instanceof MediadError && error.code === 'resource.hardware')) throw error
    context.warn(`the video was encoded in software instead of with ${encoder}: ${error.message}`)
    return null
  }
}
