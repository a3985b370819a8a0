import { z } from 'mediad'
import { audioCodecs, toContainer, videoCodecs, type AudioCodec, type Container, type VideoCodec } from './codecs.ts'
import type { Hdr } from '../frames/colour.ts'
import type { Fit } from '../frames/size.ts'

const side = () => z.int().min(2).max(16_384).optional()

export const transcodeOptions = z
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
    /** Largest size in pixels; nothing is ever enlarged. Default: as large as the source. */
    maxWidth: side(),
    maxHeight: side(),
    /**
     * `contain` (default): the whole picture inside the box; `cover`: its middle fills the box; `pad`: whole, with black
     * bars. The last two need `maxWidth` and `maxHeight`.
     */
    fit: z.enum(['contain', 'cover', 'pad']).default('contain'),
    /** Default `tonemap`: HDR becomes SDR, which every screen shows right. `keep`: it stays HDR, with hevc and av1. */
    hdr: z.enum(['tonemap', 'keep']).default('tonemap'),
    /** Default `auto`: a stream that already is what is asked for is copied. `never`: everything is coded anew. */
    copy: z.enum(['auto', 'never']).default('auto'),
    /** Sound. Default: `aac` at 160 kbit/s, in webm `opus` at 128. */
    audio: z
      .strictObject({ codec: z.enum(['aac', 'opus']).optional(), kbps: z.int().min(16).max(510).optional() })
      .default({}),
    /** Brings the sound to this loudness, in LUFS (EBU R128, two passes), -70 to -5. Default: as loud as it is. */
    loudness: z.strictObject({ target: z.number().min(-70).max(-5) }).optional(),
    /** Default `drop`: no titles, places, dates or devices in the result; languages and chapters stay. */
    metadata: z.enum(['drop', 'keep']).default('drop'),
    /** Default `none`. `webvtt`: each subtitle track of text becomes a file of its own. */
    subtitles: z.enum(['none', 'webvtt']).default('none'),
    /** `{n}` counts from 1; `{language}` has three letters, `und` when it is not known. */
    subtitlesKey: z.string().default('sub_{name}_{n}.vtt'),
    /** Default `reject`: a source that is cut or damaged beyond the thresholds is refused. `warn`: what there is, is used. */
    onCorrupt: z.enum(['reject', 'warn']).default('reject'),
    /** Where the result goes; the extension (`mp4`, `webm`, `mkv`) chooses the container. */
    key: z.string().default('cvted_{name}.mp4'),
  })
  .superRefine((given, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    for (const [path, message] of findMistakes(given)) refuse(path, message)
  })

type Given = {
  codec: VideoCodec
  crf?: number | undefined
  preset?: string | number | undefined
  audio: { codec?: AudioCodec | undefined; kbps?: number | undefined }
  maxWidth?: number | undefined
  maxHeight?: number | undefined
  fit: Fit
  hdr: Hdr
  subtitles: 'none' | 'webvtt'
  subtitlesKey: string
  key: string
}

/** What one option alone does not show. */
function findMistakes(given: Given): [string[], string][] {
  const { codec, crf, preset, audio, key, fit, hdr } = given
  const traits = videoCodecs[codec]
  const container = toContainer(key)
  const sound = audio.codec
  const rules: [boolean, string[], string][] = [
    [crf !== undefined && crf > traits.crf.max, ['crf'], `${codec} takes 0 to ${traits.crf.max}`],
    [
      preset !== undefined && !traits.preset.allowed.includes(preset),
      ['preset'],
      `${codec} takes one of: ${traits.preset.allowed.join(', ')}`,
    ],
    [fit !== 'contain' && !(given.maxWidth && given.maxHeight), ['fit'], `"${fit}" needs maxWidth and maxHeight`],
    [hdr === 'keep' && traits.hdrProfiles.length === 0, ['hdr'], `${codec} cannot keep HDR: choose hevc or av1`],
    [!isOwnKey(key), ['key'], 'must contain {name} or {id}, or every job would write to the same key'],
    [container === null, ['key'], 'must end in .mp4, .webm or .mkv'],
    [container !== null && !traits.containers.includes(container), ['codec'], `${codec} does not go into ${container}`],
    [
      container !== null && sound !== undefined && !audioCodecs[sound].containers.includes(container),
      ['audio', 'codec'],
      `${sound} does not go into ${container}`,
    ],
    [
      given.subtitles !== 'none' && !(isOwnKey(given.subtitlesKey) && given.subtitlesKey.includes('{n}')),
      ['subtitlesKey'],
      'must contain {name} or {id}, and {n}',
    ],
  ]
  return rules.filter(([isWrong]) => isWrong).map(([, path, message]) => [path, message])
}

const isOwnKey = (key: string): boolean => /\{(?:name|id)\}/.test(key)

export type TranscodeOptions = z.output<typeof transcodeOptions>

/** {@link TranscodeOptions} with every choice made. */
export type Recipe = Omit<TranscodeOptions, 'crf' | 'preset' | 'audio'> & {
  readonly crf: number
  readonly preset: string | number
  readonly audio: { readonly codec: AudioCodec; readonly kbps: number }
  readonly container: Container
}

export function toRecipe(given: TranscodeOptions): Recipe {
  const container = toContainer(given.key) ?? 'mp4'
  const video = videoCodecs[given.codec]
  const sound = given.audio.codec ?? (container === 'webm' ? 'opus' : 'aac')
  return {
    ...given,
    crf: given.crf ?? video.crf.default,
    preset: given.preset ?? video.preset.default,
    audio: { codec: sound, kbps: given.audio.kbps ?? audioCodecs[sound].kbps },
    container,
  }
}

/** An mp4 has its index in front. */
export function toMuxerOptions({ container, metadata }: Pick<Recipe, 'container' | 'metadata'>): string[] {
  const flags = metadata === 'keep' ? '+faststart+use_metadata_tags' : '+faststart'
  // of a timecode that is kept it would make a track of data
  const mp4 = ['-movflags', flags, ...(metadata === 'keep' ? ['-write_tmcd', '0'] : [])]
  return ['-max_muxing_queue_size', '65536', ...(container === 'mp4' ? mp4 : [])]
}
