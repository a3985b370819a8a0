import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, isHdr, isStill, MediadError, type Probe, type RunContext } from 'mediad'
import { notes, toTellingFilters } from '../frames/mid-stream.ts'
import { audioCodecs, toContentType, videoCodecs } from './codecs.ts'
import { colourFilters, staysHdr, toPictureInputOptions, toPictureFilters } from '../frames/colour.ts'
import { codeAnew, copyAll, toPlan, type Plan } from './copy.ts'
import { lengthen } from './last-frame.ts'
import { findFlaws } from './defects.ts'
import { measureLoudness, MEASURING, toLoudnessFilters } from './loudness.ts'
import { toLayout } from '../frames/size.ts'
import { toMuxerOptions, toRecipe, transcodeOptions, type Recipe } from './options.ts'
import { findFault, inspectResult, isBadCopy, type Result } from './result.ts'
import { toSoundFilters, toSoundOptions } from './audio.ts'
import { extractSubtitles, toSubtitleEncoders } from './subtitles.ts'
import { toOwnRate, toStartOptions, toTimeFilters, toTimeOptions } from './timestamps.ts'
import { toTrials } from './trial.ts'

/** Makes one playable file of the source: upright, square pixels, 8 bits, at most two channels, no metadata. */
export const transcode = definePlugin('transcode', transcodeOptions, (given) => {
  const recipe = toRecipe(given)
  return {
    keys: [given.key, ...(given.subtitles === 'none' ? [] : [given.subtitlesKey])],
    encoders: [
      videoCodecs[recipe.codec].encoder,
      audioCodecs[recipe.audio.codec].encoder,
      ...toSubtitleEncoders(given),
    ],
    filters: colourFilters,
    trials: (sample) =>
      toTrials({
        recipe,
        sample,
        toOptions: (probe, loudness) => transcodeArguments({ recipe, plan: codeAnew, loudness }, probe),
        proof: given.copy === 'auto' ? toProof({ recipe, plan: copyAll }, sample) : undefined,
      }),
    async run(context) {
      const { probe } = context
      if (isStill(probe)) return context.skip('the source is a single picture')
      const loudness = await toLoudness(context, recipe)
      const order = { recipe, plan: toPlan(recipe, probe), loudness }
      const made = await lengthen(context, recipe, await make(context, order))
      reportFlaws(context, recipe, made)
      reportChoices(context, recipe)
      reportChanges(context, made)
      const kind = probe.video ? 'video' : 'audio'
      await context.add(made.path, kind, { key: given.key, contentType: toContentType(recipe.container, kind) })
      if (recipe.subtitles !== 'none') await extractSubtitles(context, recipe.subtitlesKey)
    },
  }
})

/** Everything that decides over a command line. */
export type Order = { readonly recipe: Recipe; readonly plan: Plan; readonly loudness?: readonly string[] | undefined }

/** ffmpeg's options for one output. Streams are named one by one: what the probe chose, and nothing else. */
export function transcodeArguments(order: Order, probe: Probe): string[] {
  const { metadata } = order.recipe
  const { audio } = probe
  const language = audio?.language === undefined ? [] : ['-metadata:s:a:0', `language=${audio.language}`]
  return [
    toVideoOptions(order, probe),
    toAudioOptions(order, probe),
    ['-sn', '-dn', '-map_chapters', probe.chapterCount > 0 ? '0' : '-1'],
    metadata === 'keep' ? [] : ['-map_metadata', '-1', '-map_metadata:s', '-1', ...language],
    toMuxerOptions(order.recipe),
  ].flat()
}

/** Options that decode what is copied; undefined when nothing is. */
export function toProof({ plan }: Order, { video, audio }: Probe): string[] | undefined {
  const maps = [
    ...(plan.video && video ? ['-map', `0:${video.index}`] : []),
    ...(plan.audio && audio ? ['-map', `0:${audio.index}`] : []),
  ]
  const filters = plan.video && video ? ['-vf', toTellingFilters(video).join(',')] : []
  return maps.length === 0 ? undefined : [...maps, ...filters, '-fps_mode', 'passthrough']
}

/** Copies what can be copied; should the copy turn out to be none that plays, everything is coded anew. */
async function make(context: RunContext, order: Order): Promise<Result> {
  const { probe, workspace } = context
  const path = join(workspace, `transcode-${randomUUID()}.${order.recipe.container}`)
  const done = order.loudness ? MEASURING : 0
  const alsoDecode = toProof(order, probe)
  const run = await context.ffmpeg({
    inputOptions: [...toInputOptions(probe), '-max_error_rate', order.recipe.onCorrupt === 'warn' ? '1' : '0.67'],
    outputs: [{ path, options: transcodeArguments(order, probe) }],
    ...(alsoDecode && { alsoDecode }),
    durationSeconds: probe.durationSeconds,
    onProgress: (fraction) => context.progress(done + (1 - done) * fraction),
  })
  const made = { ...run, path, result: await inspectResult(context, path) }
  if (order.plan.video && run.damage.notes.length > 0) {
    context.log.info(
      { event: 'transcode.copy_rejected', reason: 'changes' },
      'video changes mid-stream, it is re-encoded',
    )
    await rm(path)
    return await make(context, { ...order, plan: { ...order.plan, video: false } })
  }
  const fault = findFault(made, probe)
  if (alsoDecode && (fault || isBadCopy(made, probe))) {
    context.log.info(
      { event: 'transcode.copy_rejected', reason: fault?.message ?? 'decode check' },
      'copy would not play well, everything is re-encoded',
    )
    await rm(path)
    return await make(context, { ...order, plan: codeAnew })
  }
  if (fault) throw fault
  return made
}

function toInputOptions(probe: Probe): string[] {
  return [...toStartOptions(probe), ...(probe.video ? toPictureInputOptions(probe.video) : [])]
}

async function toLoudness(context: RunContext, { loudness }: Recipe): Promise<readonly string[] | undefined> {
  const { audio } = context.probe
  if (!loudness || !audio) return undefined
  const measured = await measureLoudness(context, audio)
  if (measured) return toLoudnessFilters(measured, loudness.target)
  context.warn('the loudness stays as it is: the sound is silence, too short, or changes its form on the way')
  return undefined
}

function reportFlaws(context: RunContext, { onCorrupt }: Recipe, made: Result): void {
  for (const { code, message } of findFlaws({ ...made, probe: context.probe })) {
    if (code !== null && onCorrupt === 'reject') throw new MediadError(code, `${message}: upload the file again`)
    context.warn(message)
  }
}

/** What was left out or changed, for whoever misses it. */
function reportChoices({ probe, warn }: RunContext, { hdr, subtitles }: Recipe): void {
  const { video } = probe
  if (video && isHdr(video) && !staysHdr(video, hdr)) warn('the picture is HDR: it was tone-mapped to SDR')
  const tracks = probe.skipped.map(({ index, type, codec, reason }) => `${index} (${codec ?? type}: ${reason})`)
  if (tracks.length > 0) warn(`tracks left out: ${summarize(tracks)}`)
  if (subtitles === 'none' && probe.subtitles.length > 0) warn(`subtitles left out: ${probe.subtitles.length}`)
}

function reportChanges({ warn }: RunContext, { damage, result: { video } }: Result): void {
  if (!video || !damage.notes.includes(notes.resized)) return
  warn(
    `the picture changes its size or shape on the way: what is different was fitted into ${video.width}x${video.height}`,
  )
}

/** Documents are no place for a thousand tracks. */
function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

function toVideoOptions({ recipe, plan }: Order, probe: Probe): string[] {
  const { video } = probe
  if (!video) return ['-vn']
  const { encoder, options, minSide, highestRate } = videoCodecs[recipe.codec]
  const map = ['-map', `0:${video.index}`]
  // Apple's players take HEVC in mp4 by this name only
  const tag = recipe.codec === 'hevc' && recipe.container === 'mp4' ? ['-tag:v', 'hvc1'] : []
  if (plan.video) return [...map, '-c:v', 'copy', ...tag]
  const kept = staysHdr(video, recipe.hdr)
  const special = { mastering: kept ? (video.mastering ?? {}) : undefined, rate: toOwnRate(video) }
  const filters = [
    ...toTimeFilters(video, highestRate),
    ...toPictureFilters(video, toLayout(video, { ...recipe, minSide }), recipe),
  ]
  return [
    [...map, '-c:v', encoder, ...options(recipe.preset, recipe.crf, special)],
    ['-vf', filters.join(','), '-pix_fmt', kept ? 'yuv420p10le' : 'yuv420p'],
    [...toTimeOptions(probe, video, { highest: highestRate, container: recipe.container }), ...tag],
  ].flat()
}

function toAudioOptions({ recipe, plan, loudness }: Order, probe: Probe): string[] {
  const { audio } = probe
  if (!audio) return ['-an']
  const map = ['-map', `0:${audio.index}`]
  return plan.audio
    ? [...map, '-c:a', 'copy']
    : [...map, ...toSoundOptions(recipe, toSoundFilters(probe, audio, loudness))]
}
