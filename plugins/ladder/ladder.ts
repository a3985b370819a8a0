import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MediadError, type FfmpegResult, type FfmpegTrial, type Probe, type RunContext } from 'mediad'
import { MAX_CHANNELS } from '../audio/downmix.ts'
import { afterDemanding, toDemanding } from '../frames/trial.ts'
import { IMMUTABLE, RENDITION } from '../streaming/rendition.ts'
import { assertMixable } from '../transcode/audio.ts'
import { audioCodecs, videoCodecs, type VideoCodec } from '../transcode/codecs.ts'
import { runUnlessHardwareFails, type Choice } from '../transcode/encoder/choice.ts'
import { toHardwareCall, toHardwareEncoder } from '../transcode/encoder/hardware.ts'
import { toInputOptions } from '../transcode/input.ts'
import { MEASURING_SHARE, toLoudness } from '../transcode/loudness.ts'
import type { EncodeSettings } from '../transcode/options.ts'
import { extendWith } from '../transcode/result/last-frame.ts'
import { reportChanges, reportChoices, reportDefects } from '../transcode/result/report.ts'
import { findResultDefect } from '../transcode/result/result.ts'
import {
  toAudioOutput,
  toCalls,
  toVideoOutputs,
  videoMuxer,
  type AudioRendition,
  type LadderRequest,
} from './arguments.ts'
import { describeTrack, readAgain, readFiles, type File, type Made } from './files.ts'
import { toAudioTracks } from './languages.ts'
import { toLadder } from './rungs.ts'

/** The settings, and which hardware encoder the daemon uses. */
export type LadderDeps = { readonly settings: EncodeSettings; readonly choice: Choice }

/** Makes all renditions of the source in one run of ffmpeg, and adds them. */
export async function makeLadder(context: RunContext, { settings, choice }: LadderDeps): Promise<void> {
  const { probe } = context
  const ladder = probe.video ? toLadder(probe.video, settings) : null
  context.note(ladder?.reason ?? 'renditions: audio only, the source has no video')
  const audios = await prepareAudio(context, settings)
  const wanted = { rungs: ladder?.rungs ?? [], audios, settings, hardware: choice.choose() }
  const { files, run } = await encodeDecodable(context, wanted)
  const made = await readFiles(context, files, settings)
  const encoded = await checkResults(context, { run, made })
  await reportDefects(context, settings, encoded)
  const used = new Set(audios.map(({ audio }) => audio.index))
  const skipped = probe.skipped.filter(({ index }) => !used.has(index))
  reportChoices({ probe: { ...probe, skipped }, warn: context.warn }, settings)
  reportChanges(context, encoded)
  const explanation = probe.video ? choice.explain() : null
  if (explanation !== null) context.warn(explanation)
  for (const { path, name, contentType, result } of made) {
    const options = {
      key: settings.renditionsKey,
      values: { rendition: name },
      contentType,
      cacheControl: IMMUTABLE,
      copied: [],
      durationSeconds: result.durationSeconds ?? undefined,
    }
    await context.add(path, RENDITION, options)
  }
}

/**
 * Runs ffmpeg, and again without further languages when too much of the source cannot be decoded: since ffmpeg 6, one track alone
 * ends the run.
 */
async function encodeDecodable(context: RunContext, wanted: Wanted): Promise<{ files: File[]; run: FfmpegResult }> {
  const [main, ...further] = wanted.audios
  try {
    return await encode(context, wanted)
  } catch (error) {
    const isCorrupt = error instanceof MediadError && error.code === 'input.corrupt'
    if (!isCorrupt || main === undefined || further.length === 0) throw error
    const encoded = await encode(context, { ...wanted, audios: [main] })
    const tracks = further.map(({ audio }) => describeTrack(audio)).join(', ')
    context.warn(`the audio of ${tracks} is left out: too much of it cannot be decoded`)
    return encoded
  }
}

/** Runs ffmpeg, and again in software when a hardware encoder fails. */
async function encode(context: RunContext, wanted: Wanted): Promise<{ files: File[]; run: FfmpegResult }> {
  const { probe } = context
  const { settings } = wanted
  const files = toFiles(context, wanted)
  const done = settings.loudness ? MEASURING_SHARE : 0
  const calls = toCalls(wanted, probe)
  const hardware = calls.find(({ encoder }) => /_(?:nvenc|qsv|vaapi)$/.test(encoder))
  const command = {
    inputOptions: toInputOptions(probe, settings, hardware?.inputOptions),
    outputs: files.map(({ path, options }) => ({ path, options })),
    durationSeconds: probe.durationSeconds,
    onProgress: (fraction: number) => context.progress(done + (1 - done) * fraction),
  }
  let run: FfmpegResult | null = null
  try {
    run = await runUnlessHardwareFails(context, command, hardware?.encoder)
  } finally {
    if (run === null) await Promise.all(files.map(({ path }) => rm(path, { force: true })))
  }
  return run === null ? await encode(context, { ...wanted, hardware: undefined }) : { files, run }
}

/** Chooses the audio tracks, and measures the loudness of each where a target is set. */
async function prepareAudio(context: RunContext, settings: EncodeSettings): Promise<AudioRendition[]> {
  const renditions: AudioRendition[] = []
  for (const [n, audio] of toAudioTracks(context.probe, settings.audio).entries()) {
    if (n === 0) assertMixable(audio)
    else if (audio.channels > MAX_CHANNELS) {
      context.warn(`the audio of ${describeTrack(audio)} is left out: it has ${audio.channels} channels`)
      continue
    }
    renditions.push({ audio, loudness: await toLoudness(context, audio, settings.loudness) })
  }
  return renditions
}

type Wanted = LadderRequest & { audios: readonly AudioRendition[] }

function toFiles({ probe, workspace }: RunContext, wanted: Wanted): File[] {
  const { rungs, audios, settings } = wanted
  const toPath = () => join(workspace, `rendition-${randomUUID()}.mp4`)
  const outputs = toVideoOutputs(wanted, probe)
  return [
    ...rungs.map(({ name }, n): File => {
      return { path: toPath(), options: outputs[n] ?? [], name, contentType: 'video/mp4' }
    }),
    ...audios.map((rendition): File => {
      const name = `audio-${rendition.audio.language ?? 'und'}`
      const options = toAudioOutput(rendition, settings, probe)
      return { path: toPath(), options, name, contentType: 'audio/mp4', audio: rendition.audio }
    }),
  ]
}

type Results = { readonly run: FfmpegResult; readonly made: Made[] }

/**
 * Checks each rung together with the audio, as if they were one file, and extends the last frames. Returns the run with the
 * result of the first rung: all rungs have the same frames.
 */
async function checkResults(
  context: RunContext,
  { run, made }: Results,
): Promise<FfmpegResult & { path: string; result: Probe }> {
  const audio = made.find(({ contentType }) => contentType === 'audio/mp4')
  const [first = audio] = made
  if (first === undefined) throw new MediadError('input.no_av', 'the file has no video and no audio')
  for (const [at, file] of made.entries()) {
    if (file.contentType === 'audio/mp4') continue
    if (file.track.samples !== first.track.samples)
      throw new MediadError(
        'internal.output',
        `${file.name} has ${file.track.samples} frames, not ${first.track.samples}`,
      )
    const encoded = { ...run, path: file.path, result: file.result }
    const defect = findResultDefect({ ...encoded, result: withAudio(file.result, audio?.result) }, context.probe)
    if (defect) throw defect
    const shift = file.result.video?.startSeconds ?? 0
    const extended = await extendWith(context, { container: 'mp4', muxer: videoMuxer, shift }, encoded)
    if (extended.path !== file.path) made[at] = { ...file, ...(await readAgain(extended)) }
  }
  const [main = first] = made
  const encoded = { ...run, path: main.path, result: withAudio(main.result, audio?.result) }
  const defect = main === audio ? findResultDefect(encoded, context.probe) : null
  if (defect) throw defect
  return encoded
}

/** Returns the probe of a rung with the audio: the checks compare a source with one file. */
function withAudio(result: Probe, audio: Probe | undefined): Probe {
  if (audio === undefined || result.audio !== null) return result
  const seconds = Math.max(result.durationSeconds ?? 0, audio.durationSeconds ?? 0)
  return { ...result, audio: audio.audio, durationSeconds: seconds }
}

/** Returns the codecs of all possible renditions. */
function toCodecs({ renditions, codec }: EncodeSettings): VideoCodec[] {
  const list = renditions === undefined || renditions === 'auto' ? [] : renditions
  return list.length === 0 ? [codec] : [...new Set(list.map((one) => one.codec ?? codec))]
}

/** Returns the video encoders of all possible renditions. */
export function toLadderEncoders(settings: EncodeSettings): string[] {
  return toCodecs(settings).map((codec) => videoCodecs[codec].encoder)
}

/** Returns the trials: each video encoder, and the audio encoder, with the options that the run will use. */
export function toLadderTrials({ settings, choice }: LadderDeps, sample: Probe): FfmpegTrial[] {
  const inputOptions = ['-noautorotate', '-max_error_rate', settings.onCorrupt === 'warn' ? '1' : '0.67']
  const demanding = { ...sample, audio: null, video: sample.video && toDemanding(sample.video) }
  const videos = toCodecs(settings).flatMap((codec): FfmpegTrial[] => {
    if (!demanding.video) return []
    const { rungs } = toLadder(demanding.video, { ...settings, renditions: [{ height: 64, codec }] })
    const [options = []] = toVideoOutputs({ settings, rungs }, demanding)
    const name = `${videoCodecs[codec].encoder} for renditions`
    return [{ name, inputOptions, output: { extension: 'mp4', options: afterDemanding(options) } }]
  })
  const { audio } = sample
  const name = `${audioCodecs[settings.audio.codec].encoder} for renditions`
  const audios = audio
    ? [{ name, inputOptions, output: { extension: 'mp4', options: toAudioOutput({ audio }, settings, sample) } }]
    : []
  return [...videos, ...audios, ...toLadderHardwareTrials({ settings, choice }, sample)]
}

/** Side of the frames, in pixels, that a hardware encoder is tried with: all of them accept it. */
const HARDWARE_SIDE = 512

function toLadderHardwareTrials({ settings, choice }: LadderDeps, sample: Probe): FfmpegTrial[] {
  const video = sample.video && { ...sample.video, width: HARDWARE_SIDE, height: HARDWARE_SIDE }
  if (!video) return []
  const large = { ...sample, audio: null, video }
  const { rungs } = toLadder(video, { ...settings, renditions: [{ height: HARDWARE_SIDE, codec: settings.codec }] })
  return choice.candidates.map((hardware) => {
    const [options = []] = toVideoOutputs({ settings, rungs, hardware }, large)
    return {
      name: `${toHardwareEncoder(settings.codec, hardware.family)} for renditions`,
      inputOptions: ['-noautorotate', ...toHardwareCall(hardware, settings, {}).inputOptions],
      output: { extension: 'mp4', options },
      ...(choice.isOptional && { onEnd: (failure: string | null) => choice.report(hardware.family, failure) }),
    }
  })
}
