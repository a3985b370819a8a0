import type { FfmpegTrial, Probe } from 'mediad'
import { toUnitFilters } from '../bitstream/evidence.ts'
import { afterDemanding, toDemanding } from '../frames/trial.ts'
import { audioCodecs, videoCodecs } from './codecs.ts'
import { toLastFrameFilter } from './result/last-frame.ts'
import { toLoudnessFilters, toMeasuringFilters } from './loudness.ts'
import type { Choice } from './encoder/choice.ts'
import { toHardwareCall, toHardwareEncoder, type Hardware } from './encoder/hardware.ts'
import type { EncodeSettings } from './options.ts'

export type TrialDeps = {
  settings: EncodeSettings
  sample: Probe
  /** Returns the output options for a source. */
  toOptions: (probe: Probe, how?: { loudness?: readonly string[] | undefined; hardware?: Hardware }) => string[]
  /** Options that decode the tracks that are copied; undefined when none are. */
  decodeCheck: readonly string[] | undefined
}

/** Returns the trials of `transcode`: the video encoder, the audio encoder, and the decode check, with the options it uses. */
export function toTrials({ settings, sample, toOptions, decodeCheck }: TrialDeps): FfmpegTrial[] {
  const extension = settings.container
  const inputOptions = ['-noautorotate', '-max_error_rate', settings.onCorrupt === 'warn' ? '1' : '0.67']
  const [video, audio] = [videoCodecs[settings.codec].encoder, audioCodecs[settings.audio.codec].encoder]
  const demanding = { ...sample, audio: null, video: sample.video && toDemanding(sample.video) }
  const loudness = settings.loudness && [
    ...toMeasuringFilters('loudness.txt'),
    ...toLoudnessFilters(quietLoudness, settings.loudness.target),
  ]
  const filters = [
    ...(extension === 'mp4' ? [toLastFrameFilter(1)] : []),
    ...(decodeCheck ? toUnitFilters(settings.codec) : []),
  ]
  const packetFilters = filters.length > 0 ? ['-bsf:v', filters.join(',')] : []
  return [
    {
      name: `${video} with the filters of HDR, transparency and interlaced video`,
      inputOptions,
      output: { extension, options: [...afterDemanding(toOptions(demanding)), ...packetFilters] },
    },
    {
      name: loudness ? `${audio} with loudness filters` : audio,
      inputOptions,
      output: { extension, options: toOptions({ ...sample, video: null }, { loudness }) },
    },
    ...(decodeCheck ? [{ name: 'decode check of copies', inputOptions, alsoDecode: decodeCheck }] : []),
  ]
}

/** Side of the frames, in pixels, that a hardware encoder is tried with: all of them accept it. */
const HARDWARE_SIDE = 512

/** Returns the trials of hardware encoders: with 10 bits when HDR is kept, else with 8. */
export function toHardwareTrials(
  { settings, sample, toOptions }: Omit<TrialDeps, 'decodeCheck'>,
  choice: Choice,
): FfmpegTrial[] {
  const colours = settings.hdr === 'keep' ? { primaries: 'bt2020', transfer: 'arib-std-b67', matrix: 'bt2020nc' } : {}
  const video = sample.video && { ...sample.video, width: HARDWARE_SIDE, height: HARDWARE_SIDE, ...colours }
  return choice.candidates.map((hardware) => ({
    name: toHardwareEncoder(settings.codec, hardware.family),
    inputOptions: ['-noautorotate', ...toHardwareCall(hardware, settings, {}).inputOptions],
    output: { extension: settings.container, options: toOptions({ ...sample, audio: null, video }, { hardware }) },
    ...(choice.isOptional && { onEnd: (failure: string | null) => choice.report(hardware.family, failure) }),
  }))
}

const quietLoudness = { integrated: -30, peak: -20, range: 7 }
