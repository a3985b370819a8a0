import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, isHdr, isStill, MediadError, type Probe, type RunContext } from 'mediad'
import { detections, toDetectionFilters } from '../frames/mid-stream.ts'
import { audioCodecs, toContentType, videoCodecs } from './codecs.ts'
import { colourFilters, staysHdr, toFrameInputOptions, toFrameFilters } from '../frames/colour.ts'
import { reencodeAll, copyAll, toCopyPlan, type CopyPlan } from './copy.ts'
import { extendLastFrame } from './last-frame.ts'
import { findDefects } from './defects.ts'
import { measureLoudness, MEASURING_SHARE, toLoudnessFilters } from './loudness.ts'
import { toLayout } from '../frames/size.ts'
import { toMuxerOptions, toEncodeSettings, transcodeOptions, type EncodeSettings } from './options.ts'
import { findResultDefect, inspectResult, isBadCopy, type Result } from './result.ts'
import { toAudioFilters, toAudioEncoderOptions } from './audio.ts'
import { extractSubtitles, toSubtitleEncoders } from './subtitles.ts'
import { toOwnRate, toStartOptions, toTimeFilters, toTimeOptions } from './timestamps.ts'
import { toTrials } from './trial.ts'

/** Makes one playable file of the source: upright, square pixels, 8 bits, at most two channels, no metadata. */
export const transcode = definePlugin('transcode', transcodeOptions, (given) => {
  const settings = toEncodeSettings(given)
  return {
    keys: [given.key, ...(given.subtitles === 'none' ? [] : [given.subtitlesKey])],
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
        proof: given.copy === 'auto' ? toDecodeCheck({ settings, plan: copyAll }, sample) : undefined,
      }),
    async run(context) {
      const { probe } = context
      if (isStill(probe)) return context.skip('the source is a single picture')
      const loudness = await toLoudness(context, settings)
      const request = { settings, plan: toCopyPlan(settings, probe), loudness }
      const made = await extendLastFrame(context, settings, await make(context, request))
      reportDefects(context, settings, made)
      reportChoices(context, settings)
      reportChanges(context, made)
      const kind = probe.video ? 'video' : 'audio'
      await context.add(made.path, kind, { key: given.key, contentType: toContentType(settings.container, kind) })
      if (settings.subtitles !== 'none') await extractSubtitles(context, settings.subtitlesKey)
    },
  }
})

/** Everything that decides over a command line. */
export type EncodeRequest = {
  readonly settings: EncodeSettings
  readonly plan: CopyPlan
  readonly loudness?: readonly string[] | undefined
}

/** ffmpeg's options for one output. Streams are named one by one: what the probe chose, and nothing else. */
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
  ].flat()
}

/** Options that decode what is copied; undefined when nothing is. */
export function toDecodeCheck({ plan }: EncodeRequest, { video, audio }: Probe): string[] | undefined {
  const maps = [
    ...(plan.video && video ? ['-map', `0:${video.index}`] : []),
    ...(plan.audio && audio ? ['-map', `0:${audio.index}`] : []),
  ]
  const filters = plan.video && video ? ['-vf', toDetectionFilters(video).join(',')] : []
  return maps.length === 0 ? undefined : [...maps, ...filters, '-fps_mode', 'passthrough']
}

/** Copies what can be copied; should the copy turn out to be none that plays, everything is coded anew. */
async function make(context: RunContext, request: EncodeRequest): Promise<Result> {
  const { probe, workspace } = context
  const path = join(workspace, `transcode-${randomUUID()}.${request.settings.container}`)
  const done = request.loudness ? MEASURING_SHARE : 0
  const alsoDecode = toDecodeCheck(request, probe)
  const run = await context.ffmpeg({
    inputOptions: [...toInputOptions(probe), '-max_error_rate', request.settings.onCorrupt === 'warn' ? '1' : '0.67'],
    outputs: [{ path, options: transcodeArguments(request, probe) }],
    ...(alsoDecode && { alsoDecode }),
    durationSeconds: probe.durationSeconds,
    onProgress: (fraction) => context.progress(done + (1 - done) * fraction),
  })
  const made = { ...run, path, result: await inspectResult(context, path) }
  if (request.plan.video && run.corruption.detections.length > 0) {
    context.log.info(
      { event: 'transcode.copy_rejected', reason: 'changes' },
      'video changes mid-stream, it is re-encoded',
    )
    await rm(path)
    return await make(context, { ...request, plan: { ...request.plan, video: false } })
  }
  const fault = findResultDefect(made, probe)
  if (alsoDecode && (fault || isBadCopy(made, probe))) {
    context.log.info(
      { event: 'transcode.copy_rejected', reason: fault?.message ?? 'decode check' },
      'copy would not play well, everything is re-encoded',
    )
    await rm(path)
    return await make(context, { ...request, plan: reencodeAll })
  }
  if (fault) throw fault
  return made
}

function toInputOptions(probe: Probe): string[] {
  return [...toStartOptions(probe), ...(probe.video ? toFrameInputOptions(probe.video) : [])]
}

async function toLoudness(context: RunContext, { loudness }: EncodeSettings): Promise<readonly string[] | undefined> {
  const { audio } = context.probe
  if (!loudness || !audio) return undefined
  const measured = await measureLoudness(context, audio)
  if (measured) return toLoudnessFilters(measured, loudness.target)
  context.warn('the loudness stays as it is: the sound is silence, too short, or changes its form on the way')
  return undefined
}

function reportDefects(context: RunContext, { onCorrupt }: EncodeSettings, made: Result): void {
  for (const { code, message } of findDefects({ ...made, probe: context.probe })) {
    if (code !== null && onCorrupt === 'reject') throw new MediadError(code, `${message}: upload the file again`)
    context.warn(message)
  }
}

/** What was left out or changed, for whoever misses it. */
function reportChoices({ probe, warn }: RunContext, { hdr, subtitles }: EncodeSettings): void {
  const { video } = probe
  if (video && isHdr(video) && !staysHdr(video, hdr)) warn('the picture is HDR: it was tone-mapped to SDR')
  const tracks = probe.skipped.map(({ index, type, codec, reason }) => `${index} (${codec ?? type}: ${reason})`)
  if (tracks.length > 0) warn(`tracks left out: ${summarize(tracks)}`)
  if (subtitles === 'none' && probe.subtitles.length > 0) warn(`subtitles left out: ${probe.subtitles.length}`)
}

function reportChanges({ warn }: RunContext, { corruption, result: { video } }: Result): void {
  if (!video || !corruption.detections.includes(detections.resized)) return
  warn(
    `the picture changes its size or shape on the way: what is different was fitted into ${video.width}x${video.height}`,
  )
}

/** Documents are no place for a thousand tracks. */
function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

function toVideoOptions({ settings, plan }: EncodeRequest, probe: Probe): string[] {
  const { video } = probe
  if (!video) return ['-vn']
  const { encoder, options, minSide, highestRate } = videoCodecs[settings.codec]
  const map = ['-map', `0:${video.index}`]
  // Apple's players take HEVC in mp4 by this name only
  const tag = settings.codec === 'hevc' && settings.container === 'mp4' ? ['-tag:v', 'hvc1'] : []
  if (plan.video) return [...map, '-c:v', 'copy', ...tag]
  const kept = staysHdr(video, settings.hdr)
  const special = { mastering: kept ? (video.mastering ?? {}) : undefined, rate: toOwnRate(video) }
  const filters = [
    ...toTimeFilters(video, highestRate),
    ...toFrameFilters(video, toLayout(video, { ...settings, minSide }), settings),
  ]
  return [
    [...map, '-c:v', encoder, ...options(settings.preset, settings.crf, special)],
    ['-vf', filters.join(','), '-pix_fmt', kept ? 'yuv420p10le' : 'yuv420p'],
    [...toTimeOptions(probe, video, highestRate), ...tag],
  ].flat()
}

function toAudioOptions({ settings, plan, loudness }: EncodeRequest, probe: Probe): string[] {
  const { audio } = probe
  if (!audio) return ['-an']
  const map = ['-map', `0:${audio.index}`]
  return plan.audio
    ? [...map, '-c:a', 'copy']
    : [...map, ...toAudioEncoderOptions(settings, toAudioFilters(probe, audio, loudness))]
}
