import type { FfmpegTrial, Probe } from 'mediad'
import { afterDemanding, toDemanding } from '../frames/trial.ts'
import { audioCodecs, videoCodecs } from './codecs.ts'
import { toLongerFilter } from './last-frame.ts'
import { toLoudnessFilters, toMeasuringFilters } from './loudness.ts'
import type { EncodeSettings } from './options.ts'

export type TrialParts = {
  settings: EncodeSettings
  sample: Probe
  /** The options of the output, for a source. */
  toOptions: (probe: Probe, loudness?: readonly string[]) => string[]
  /** Options that decode what is copied. */
  proof: readonly string[] | undefined
}

/** What `transcode` needs ffmpeg for, with the options that it uses. */
export function toTrials({ settings, sample, toOptions, proof }: TrialParts): FfmpegTrial[] {
  const extension = settings.container
  const inputOptions = ['-noautorotate', '-max_error_rate', settings.onCorrupt === 'warn' ? '1' : '0.67']
  const [video, audio] = [videoCodecs[settings.codec].encoder, audioCodecs[settings.audio.codec].encoder]
  const demanding = { ...sample, audio: null, video: sample.video && toDemanding(sample.video) }
  const loudness = settings.loudness && [
    ...toMeasuringFilters('loudness.txt'),
    ...toLoudnessFilters(quiet, settings.loudness.target),
  ]
  const extendLastFrame = extension === 'mp4' ? ['-bsf:v', toLongerFilter(1)] : []
  return [
    {
      name: `${video} with the filters of HDR, transparency and interlaced video`,
      inputOptions,
      output: { extension, options: [...afterDemanding(toOptions(demanding)), ...extendLastFrame] },
    },
    {
      name: loudness ? `${audio} with loudness filters` : audio,
      inputOptions,
      output: { extension, options: toOptions({ ...sample, video: null }, loudness) },
    },
    ...(proof ? [{ name: 'decode check of copies', inputOptions, alsoDecode: proof }] : []),
  ]
}

const quiet = { integrated: -30, peak: -20, range: 7 }
