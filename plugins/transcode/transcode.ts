import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, isStill, type FfmpegCommand, type Probe, type RunContext } from 'mediad'
import { toJitterDetection } from '../audio/smoothing.ts'
import { detections, toDetectionFilters } from '../frames/mid-stream.ts'
import { audioCodecs, toContentType, videoCodecs } from './codecs.ts'
import { colourFilters } from '../frames/colour.ts'
import { copyAll, findPlanChange, reencodeAll, toCopiedTracks, toCopyPlan, toEvidence, type CopyPlan } from './copy.ts'
import { createChoice, runUnlessHardwareFails } from './encoder/choice.ts'
import { toHardwareEncoder } from './encoder/hardware.ts'
import { toCall, toVideoOptions, type EncodeRequest } from './encoder/video.ts'
import { toInputOptions } from './input.ts'
import { extendLastFrame } from './result/last-frame.ts'
import { MEASURING_SHARE, toLoudness } from './loudness.ts'
import { explainScrambling } from '../frames/scrambling.ts'
import { toSpatialOptions } from '../frames/spatial.ts'
import { toMuxerOptions, toEncodeSettings, transcodeOptions } from './options.ts'
import { toOverlapFilter } from './packets/overlap.ts'
import { reportChanges, reportChoices, reportDefects } from './result/report.ts'
import { findResultDefect, inspectResult, isBadCopy, type Result } from './result/result.ts'
import { assertMixable, mayChange, toAudioEncoderOptions, toFilteredAudio } from './audio.ts'
import { extractSubtitles, toSubtitleEncoders } from './subtitles.ts'
import { toHardwareTrials, toTrials, type TrialDeps } from './trial.ts'
import { makeLadder, toLadderEncoders, toLadderTrials } from '../ladder/ladder.ts'

/**
 * Makes one file that plays everywhere: display orientation applied, square pixels, progressive, 8 bits unless HDR is kept, at
 * most two audio channels, no metadata unless it is kept.
 */
export const transcode = definePlugin('transcode', transcodeOptions, (given) => {
  const settings = toEncodeSettings(given)
  const choice = createChoice(settings)
  return {
    keys: [
      settings.renditions === undefined ? given.key : given.renditionsKey,
      ...(given.subtitles === 'none' ? [] : [settings.subtitlesKey]),
    ],
    weight: 20,
    encoders: [
      ...(settings.renditions === undefined ? [videoCodecs[settings.codec].encoder] : toLadderEncoders(settings)),
      audioCodecs[settings.audio.codec].encoder,
      ...toSubtitleEncoders(given),
      ...(choice.isOptional ? [] : choice.candidates.map(({ family }) => toHardwareEncoder(settings.codec, family))),
    ],
    filters: colourFilters,
    trials(sample) {
      if (settings.renditions !== undefined) return toLadderTrials({ settings, choice }, sample)
      const toOptions: TrialDeps['toOptions'] = (probe, how) =>
        transcodeArguments({ settings, plan: reencodeAll, ...how }, probe)
      const decodeCheck = given.copy === 'auto' ? toDecodeCheck({ settings, plan: copyAll }, sample) : undefined
      const deps = { settings, sample, toOptions }
      return [...toTrials({ ...deps, decodeCheck }), ...toHardwareTrials(deps, choice)]
    },
    async run(context) {
      const { probe } = context
      if (isStill(probe)) return context.skip('the source is a still image')
      assertMixable(probe.audio)
      if (settings.renditions !== undefined) {
        await explainScrambling(context, () => makeLadder(context, { settings, choice }))
        if (settings.subtitles !== 'none') await extractSubtitles(context, settings.subtitlesKey)
        return
      }
      const loudness = await toLoudness(context, probe.audio, settings.loudness)
      const request = { settings, plan: toCopyPlan(settings, probe), loudness, hardware: choice.choose() }
      const encoded = await explainScrambling(context, async () => {
        const extended = await extendLastFrame(context, settings, await encode(context, request))
        await reportDefects(context, settings, extended)
        return extended
      })
      const unavailable = probe.video && !encoded.plan.video ? choice.explain() : null
      if (unavailable !== null) context.warn(unavailable)
      reportChoices(context, settings)
      reportChanges(context, encoded)
      const kind = probe.video ? 'video' : 'audio'
      const copied = toCopiedTracks(encoded.plan)
      const contentType = toContentType(settings.container, kind)
      await context.add(encoded.path, kind, { key: given.key, contentType, copied })
      if (settings.subtitles !== 'none') await extractSubtitles(context, settings.subtitlesKey)
    },
  }
})

/** Returns ffmpeg's options for the output. Maps the tracks that the probe selected, and nothing else. */
export function transcodeArguments(request: EncodeRequest, probe: Probe): string[] {
  const { metadata } = request.settings
  const { audio } = probe
  const language = audio?.language === undefined ? [] : ['-metadata:s:a:0', `language=${audio.language}`]
  return [
    toVideoOptions(request, probe),
    toAudioOptions(request, probe),
    ['-sn', '-dn', '-map_chapters', probe.chapterCount > 0 ? '0' : '-1'],
    metadata === 'keep' ? [] : ['-map_metadata', '-1', '-map_metadata:s', '-1', ...language],
    toMuxerOptions(request.settings),
    probe.video ? toSpatialOptions(probe.video, request.settings.fit) : [],
  ].flat()
}

/** Returns the options that decode the copied tracks and discard the result; undefined when none are copied. */
export function toDecodeCheck({ plan }: EncodeRequest, { video, audio }: Probe): string[] | undefined {
  const maps = [
    ...(plan.video && video ? ['-map', `0:${video.index}`] : []),
    ...(plan.audio && audio ? ['-map', `0:${audio.index}`] : []),
  ]
  const filters = [
    ...(plan.video && video ? ['-vf', toDetectionFilters(video).join(',')] : []),
    ...(plan.audio && audio ? ['-af', toJitterDetection(detections.jitter)] : []),
  ]
  return maps.length === 0 ? undefined : [...maps, ...filters, '-fps_mode', 'passthrough']
}

/** A result, with the plan that it was made by: the first plan can be rejected. */
type Encoded = Result & { readonly plan: CopyPlan }

/** Runs ffmpeg by the plan. Re-encodes when a copied track changes mid-stream or the copy would not play well. */
async function encode(context: RunContext, request: EncodeRequest): Promise<Encoded> {
  const { probe, workspace } = context
  const path = join(workspace, `transcode-${randomUUID()}.${request.settings.container}`)
  const done = request.loudness ? MEASURING_SHARE : 0
  const alsoDecode = toDecodeCheck(request, probe)
  const units = `${path}.units`
  const evidence = toEvidence(request.plan, probe, { path: units, metadata: request.settings.metadata })
  const call = toCall(request, probe)
  const command: FfmpegCommand = {
    inputOptions: toInputOptions(probe, request.settings, call?.inputOptions),
    outputs: [{ path, options: transcodeArguments(request, probe) }, ...(evidence ? [evidence] : [])],
    ...(alsoDecode && { alsoDecode }),
    durationSeconds: probe.durationSeconds,
    onProgress: (fraction) => context.progress(done + (1 - done) * fraction),
  }
  const run = await runUnlessHardwareFails(context, command, request.hardware && call?.encoder)
  if (run === null) {
    await rm(path, { force: true })
    return await encode(context, { ...request, hardware: undefined })
  }
  const encoded = { ...run, path, result: await inspectResult(context, path), plan: request.plan }
  const change = await findPlanChange(request.plan, { encoded, probe, units: evidence && units })
  if (evidence) await rm(units)
  if (change) {
    const { reason, plan } = change
    context.log.info({ event: 'transcode.copy_rejected', reason }, 'a stream cannot be copied as it is: trying again')
    await rm(path)
    return await encode(context, { ...request, plan })
  }
  const defect = findResultDefect(encoded, probe)
  if (alsoDecode && (defect || isBadCopy(encoded, probe))) {
    context.log.info(
      { event: 'transcode.copy_rejected', reason: defect?.message ?? 'decode check' },
      'copy would not play well: re-encoding everything',
    )
    await rm(path)
    return await encode(context, { ...request, plan: reencodeAll })
  }
  if (defect) throw defect
  return encoded
}

function toAudioOptions({ settings, plan, loudness }: EncodeRequest, probe: Probe): string[] {
  const { audio } = probe
  if (!audio) return ['-an']
  if (plan.audio) return ['-map', `0:${audio.index}`, '-c:a', 'copy']
  const overlaps = mayChange(probe, audio) ? ['-bsf:a', toOverlapFilter()] : []
  return [...toFilteredAudio(probe, audio, { further: loudness }), ...toAudioEncoderOptions(settings), ...overlaps]
}
