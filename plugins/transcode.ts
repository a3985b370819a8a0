import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { definePlugin, MediadError, z, type AudioStream, type Probe, type VideoStream } from '../daemon/index.ts'
import {
  audioCodecs,
  toContainer,
  toContentType,
  videoCodecs,
  type AudioCodec,
  type Container,
  type VideoCodec,
} from './codecs.ts'
import { toEvenSize, toFilters } from './picture.ts'

const options = z
  .object({
    /** Default `h264`, which plays everywhere. */
    codec: z.enum(['h264', 'hevc', 'av1', 'vp9']).default('h264'),
    /** Constant quality, lower is better and larger: h264 23 (0-51), hevc 28 (0-51), av1 35 (0-63), vp9 32 (0-63). */
    crf: z.number().min(0).optional(),
    /**
     * Speed against size. h264 and hevc: `ultrafast` … `veryslow`, default `medium`; av1: 0 (slowest) to 13, default 8;
     * vp9: 0 (slowest) to 5, default 4.
     */
    preset: z.union([z.string(), z.int()]).optional(),
    /** Sound. Default: `aac` at 160 kbit/s, in webm `opus` at 128. Sound that already fits is copied. */
    audio: z
      .strictObject({ codec: z.enum(['aac', 'opus']).optional(), kbps: z.int().min(16).max(510).optional() })
      .default({}),
    /** Whether HDR becomes SDR, which every screen shows right; default true, and needs ffmpeg's `zscale` filter. */
    toneMap: z.boolean().default(true),
    /** Where the result goes; the extension (`mp4`, `webm`, `mkv`) chooses the container. */
    key: z.string().default('cvted_{name}.mp4'),
  })
  .superRefine(({ codec, crf, preset, audio, key }, context) => {
    const traits = videoCodecs[codec]
    const container = toContainer(key)
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (crf !== undefined && crf > traits.crf.max) refuse(['crf'], `${codec} takes 0 to ${traits.crf.max}`)
    if (preset !== undefined && !traits.preset.allowed.includes(preset)) {
      refuse(['preset'], `${codec} takes one of: ${traits.preset.allowed.join(', ')}`)
    }
    if (!/\{(?:name|id)\}/.test(key))
      refuse(['key'], 'must contain {name} or {id}, or every job would write to the same key')
    if (container === null) return refuse(['key'], 'must end in .mp4, .webm or .mkv')
    if (!traits.containers.includes(container)) refuse(['codec'], `${codec} does not go into ${container}`)
    const sound = audio.codec
    if (sound && !audioCodecs[sound].containers.includes(container)) {
      refuse(['audio', 'codec'], `${sound} does not go into ${container}`)
    }
  })

/** What {@link transcodeArguments} needs: every choice made. */
export type Recipe = {
  readonly codec: VideoCodec
  readonly crf: number
  readonly preset: string | number
  readonly audio: { readonly codec: AudioCodec; readonly kbps: number }
  readonly toneMap: boolean
  readonly container: Container
}

/** Makes one playable file of the source: upright, square pixels, 8 bits, at most two channels, no metadata. */
export const transcode = definePlugin('transcode', options, (given) => {
  const recipe = toRecipe(given)
  return {
    keys: [given.key],
    encoders: [videoCodecs[recipe.codec].encoder, audioCodecs[recipe.audio.codec].encoder],
    async run(context) {
      const { probe, workspace, log } = context
      const path = join(workspace, `transcode-${randomUUID()}.${recipe.container}`)
      const { outSeconds } = await context.ffmpeg({
        outputs: [{ path, options: transcodeArguments(recipe, probe) }],
        durationSeconds: probe.durationSeconds,
        onProgress: context.progress,
      })
      const result = await context.inspect(path)
      const flaw = findFlaw({ probe, result, outSeconds })
      if (flaw !== null)
        throw new MediadError('internal.output', `the transcoded file is not what it should be: ${flaw}`)
      const claimed = { source: probe.durationSeconds, result: result.durationSeconds }
      if (isShorter(claimed.result, claimed.source))
        log.warn(claimed, 'the source holds less than it claims, in seconds')
      const kind = probe.video ? 'video' : 'audio'
      await context.add(path, kind, { key: given.key, contentType: toContentType(recipe.container, kind) })
    },
  }
})

/** ffmpeg's options for one output. Streams are named one by one: what the probe chose, and nothing else. */
export function transcodeArguments(recipe: Recipe, probe: Probe): string[] {
  return [
    toVideoOptions(recipe, probe),
    toAudioOptions(recipe, probe),
    ['-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1', '-max_muxing_queue_size', '1024'],
    recipe.container === 'mp4' ? ['-movflags', '+faststart'] : [],
  ].flat()
}

/** What is wrong with the result, in words; null when nothing is. ffmpeg's exit code says little. */
export function findFlaw(made: { probe: Probe; result: Probe; outSeconds: number | null }): string | null {
  const { probe, result, outSeconds } = made
  if (probe.video && !result.video) return 'it has no picture'
  if (probe.audio && !result.audio) return 'it has no sound'
  if (!isShorter(result.durationSeconds, outSeconds)) return null
  return `it lasts ${result.durationSeconds ?? 0} s, but ffmpeg wrote ${outSeconds} s`
}

/** Shorter by more than rounding and the last frame explain: half a second, or 2 % of long ones. */
function isShorter(seconds: number | null, expectedSeconds: number | null): boolean {
  if (expectedSeconds === null) return false
  return (seconds ?? 0) < expectedSeconds - Math.max(0.5, 0.02 * expectedSeconds)
}

function toRecipe(given: z.output<typeof options>): Recipe {
  const container = toContainer(given.key) ?? 'mp4'
  const video = videoCodecs[given.codec]
  const sound = given.audio.codec ?? (container === 'webm' ? 'opus' : 'aac')
  return {
    codec: given.codec,
    crf: given.crf ?? video.crf.default,
    preset: given.preset ?? video.preset.default,
    audio: { codec: sound, kbps: given.audio.kbps ?? audioCodecs[sound].kbps },
    toneMap: given.toneMap,
    container,
  }
}

function toVideoOptions(recipe: Recipe, { video }: Probe): string[] {
  if (!video) return ['-vn']
  const traits = videoCodecs[recipe.codec]
  return [
    ['-map', `0:${video.index}`, '-c:v', traits.encoder, ...traits.options(recipe.preset, recipe.crf)],
    ['-vf', toFilters(video, toEvenSize(video, { minSide: traits.minSide }), recipe), '-pix_fmt', 'yuv420p'],
    ['-fpsmax', String(toMaxRate(video))],
    // Apple's players take HEVC in mp4 by this name only
    recipe.codec === 'hevc' && recipe.container === 'mp4' ? ['-tag:v', 'hvc1'] : [],
  ].flat()
}

/**
 * Files of changing rates may claim 1,000 or 90,000 frames per second: mp4 would be filled with copies to keep that, and
 * AV1 takes 240 at most. So the highest rate is 60, or what the average of the file shows to be real.
 */
function toMaxRate({ framesPerSecond }: VideoStream): number {
  if (framesPerSecond === null || framesPerSecond > 240) return 60
  return Math.min(240, Math.max(60, Math.ceil(framesPerSecond * 1.1)))
}

function toAudioOptions(recipe: Recipe, probe: Probe): string[] {
  const { audio } = probe
  if (!audio) return ['-an']
  const map = ['-map', `0:${audio.index}`]
  if (canCopy(recipe, probe.format, audio)) return [...map, '-c:a', 'copy']
  const { codec, kbps } = recipe.audio
  const channels = audio.channels === 1 ? 1 : 2
  return [...map, '-c:a', audioCodecs[codec].encoder, '-b:a', `${kbps}k`, '-ac', String(channels), '-ar', '48000']
}

/** Only from containers that keep the coder's settings and exact times, as broadcast formats do not. */
function canCopy({ audio: wanted }: Recipe, format: string, audio: AudioStream): boolean {
  const ordinary = audio.sampleRate === 48_000 || (audio.sampleRate === 44_100 && wanted.codec === 'aac')
  const exact = format.startsWith('mov,') || format.startsWith('matroska,')
  return audio.codec === wanted.codec && exact && ordinary && (audio.channels === 1 || audio.channels === 2)
}
