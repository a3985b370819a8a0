import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, isHdr, isStill, MediadError, type Probe, type RunContext } from 'mediad'
import { toJitterDetection } from '../audio/smoothing.ts'
import { detections, toDetectionFilters } from '../frames/mid-stream.ts'
import { audioCodecs, toContentType, videoCodecs } from './codecs.ts'
import { colourFilters, isMisleading, staysHdr, toFrameInputOptions, toFrameFilters } from '../frames/colour.ts'
import { copyAll, findPlanChange, reencodeAll, toCopiedTracks, toCopyPlan, toEvidence, type CopyPlan } from './copy.ts'
import { extendLastFrame } from './last-frame.ts'
import { findDefects } from './defects.ts'
import { withPacketFacts } from './packets/facts.ts'
import { measureLoudness, MEASURING_SHARE, toLoudnessFilters } from './loudness.ts'
import { explainScrambling } from '../frames/scrambling.ts'
import { toLayout } from '../frames/size.ts'
import { findLostMarks, toSpatialOptions } from '../frames/spatial.ts'
import { toMuxerOptions, toEncodeSettings, transcodeOptions, type EncodeSettings } from './options.ts'
import { toOverlapFilter } from './packets/overlap.ts'
import { findResultDefect, inspectResult, isBadCopy, type Result } from './result.ts'
import { assertMixable, mayChange, toAudioEncoderOptions, toFilteredAudio, toMixWarning } from './audio.ts'
import { extractSubtitles, toSubtitleEncoders } from './subtitles.ts'
import { toExplicitRate, toStartOptions, toTimestampFilters, toTimestampOptions } from './timestamps.ts'
import { toTrials } from './trial.ts'
import { toCopyFilter } from '../bitstream/evidence.ts'

/**
 * Makes one file that plays everywhere: display orientation applied, square pixels, progressive, 8 bits unless HDR is kept, at
 * most two audio channels, no metadata unless it is kept.
 */
export const transcode = definePlugin('transcode', transcodeOptions, (given) => {
  const settings = toEncodeSettings(given)
  return {
    keys: [given.key, ...(given.subtitles === 'none' ? [] : [given.subtitlesKey])],
    weight: 20,
    encoders: [
      videoCodecs[settings.codec].encoder,
      audioCodecs[settings.audio.codec].encoder,
      ...toSubtitleEncoders(given),
    ],
    filters: colourFilters,
    trials: (sample) =>
      toTrials({
        settings,
        sample,
        toOptions: (probe, loudness) => transcodeArguments({ settings, plan: reencodeAll, loudness }, probe),
        decodeCheck: given.copy === 'auto' ? toDecodeCheck({ settings, plan: copyAll }, sample) : undefined,
      }),
    async run(context) {
      const { probe } = context
      if (isStill(probe)) return context.skip('the source is a still image')
      assertMixable(probe.audio)
      const loudness = await toLoudness(context, settings)
      const request = { settings, plan: toCopyPlan(settings, probe), loudness }
      const encoded = await explainScrambling(context, async () => {
        const extended = await extendLastFrame(context, settings, await encode(context, request))
        await reportDefects(context, settings, extended)
        return extended
      })
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

/** Everything that a command line depends on, besides the source. */
export type EncodeRequest = {
  readonly settings: EncodeSettings
  readonly plan: CopyPlan
  readonly loudness?: readonly string[] | undefined
}

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
  const run = await context.ffmpeg({
    inputOptions: [...toInputOptions(probe), '-max_error_rate', request.settings.onCorrupt === 'warn' ? '1' : '0.67'],
    outputs: [{ path, options: transcodeArguments(request, probe) }, ...(evidence ? [evidence] : [])],
    ...(alsoDecode && { alsoDecode }),
    durationSeconds: probe.durationSeconds,
    onProgress: (fraction) => context.progress(done + (1 - done) * fraction),
  })
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

function toInputOptions(probe: Probe): string[] {
  return [...toStartOptions(probe), ...(probe.video ? toFrameInputOptions(probe.video) : [])]
}

async function toLoudness(context: RunContext, { loudness }: EncodeSettings): Promise<readonly string[] | undefined> {
  const { audio } = context.probe
  if (!loudness || !audio) return undefined
  const measured = await measureLoudness(context, audio)
  if (measured) return toLoudnessFilters(measured, loudness.target)
  context.warn('the loudness is unchanged: the audio is silent, too short, or changes its format mid-stream')
  return undefined
}

/**
 * Throws the first defect beyond its threshold, unless `onCorrupt` is `warn`; always throws corruption of a source that is
 * marked as scrambled. All others become warnings.
 */
async function reportDefects(context: RunContext, { onCorrupt }: EncodeSettings, encoded: Result): Promise<void> {
  const known = await withPacketFacts(context, encoded)
  for (const { code, message } of findDefects(known)) {
    const isScrambled = code === 'input.corrupt' && context.probe.scrambled === true
    if (code !== null && (onCorrupt === 'reject' || isScrambled))
      throw new MediadError(code, `${message}: upload the file again`)
    context.warn(message)
  }
}

/** Warns about what the result lacks: HDR, tracks, subtitles, positions of audio channels. */
function reportChoices({ probe, warn }: RunContext, { hdr, subtitles }: EncodeSettings): void {
  const { video, audio } = probe
  const mixWarning = toMixWarning(audio)
  if (mixWarning !== null) warn(mixWarning)
  if (video && isHdr(video) && !staysHdr(video, hdr)) warn('the video is HDR: it was tone-mapped to SDR')
  if (video && isMisleading(video)) warn('implausible HDR metadata was ignored: peak luminance or light level')
  const tracks = probe.skipped.map(({ index, type, codec, reason }) => `${index} (${codec ?? type}: ${reason})`)
  if (tracks.length > 0) warn(`tracks left out: ${summarize(tracks)}`)
  if (subtitles === 'none' && probe.subtitles.length > 0) warn(`subtitles left out: ${probe.subtitles.length}`)
}

/** Warns about lost marks of 360° video, and about a resolution or sample aspect ratio that changes mid-stream. */
function reportChanges({ probe, warn }: RunContext, { corruption, result: { video } }: Result): void {
  const lost = probe.video ? findLostMarks(probe.video, video) : []
  if (lost.length > 0) warn(`the result is not marked as ${lost.join(' and ')} video: players show it flat`)
  if (!video || !corruption.detections.includes(detections.resized)) return
  warn(
    `the resolution or aspect ratio changes mid-stream: frames of another shape were fitted into ${video.width}x${video.height}`,
  )
}

/** Lists up to five names: job documents stay small. */
function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

/** Returns the tag of video in an mp4. Apple's players require `hvc1`; copied H.264 can have `avc3`, which many players reject. */
function toTag({ codec, container }: EncodeSettings, isCopy: boolean): string[] {
  if (container !== 'mp4') return []
  if (codec === 'hevc') return ['-tag:v', 'hvc1']
  return codec === 'h264' && isCopy ? ['-tag:v', 'avc1'] : []
}

function toVideoOptions({ settings, plan }: EncodeRequest, probe: Probe): string[] {
  const { video } = probe
  if (!video) return ['-vn']
  const { encoder, options, minSide, highestRate } = videoCodecs[settings.codec]
  const map = ['-map', `0:${video.index}`]
  const tag = toTag(settings, plan.video)
  if (plan.video) return [...map, '-c:v', 'copy', ...toCopyFilter(video, plan.units ?? 'all'), ...tag]
  const kept = staysHdr(video, settings.hdr)
  const special = {
    mastering: kept ? (video.mastering ?? {}) : undefined,
    rate: toExplicitRate(video),
    threads: settings.threads,
  }
  const filters = [
    ...toTimestampFilters(video, highestRate),
    ...toFrameFilters(video, toLayout(video, { ...settings, minSide }), settings),
  ]
  return [
    [...map, '-c:v', encoder, ...options(settings.preset, settings.crf, special)],
    ['-vf', filters.join(','), '-pix_fmt', kept ? 'yuv420p10le' : 'yuv420p'],
    [...toTimestampOptions(probe, video, { highest: highestRate, container: settings.container }), ...tag],
  ].flat()
}

function toAudioOptions({ settings, plan, loudness }: EncodeRequest, probe: Probe): string[] {
  const { audio } = probe
  if (!audio) return ['-an']
  if (plan.audio) return ['-map', `0:${audio.index}`, '-c:a', 'copy']
  const overlaps = mayChange(probe, audio) ? ['-bsf:a', toOverlapFilter()] : []
  return [...toFilteredAudio(probe, audio, loudness), ...toAudioEncoderOptions(settings), ...overlaps]
}
