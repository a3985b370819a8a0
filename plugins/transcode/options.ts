import { z } from 'mediad'
import {
  audioCodecOf,
  audioCodecs,
  containers,
  toContainer,
  videoCodecs,
  type AudioCodec,
  type Container,
  type VideoCodec,
} from './codecs.ts'
import { isUniqueKey, NOT_UNIQUE } from '../keys.ts'
import { findRenditionMistakes, renditionShape, type GivenRenditions } from '../ladder/options.ts'
import { isDeviceOf, isHardwareCodec, type Family } from './encoder/hardware.ts'
import type { Hdr } from '../frames/colour.ts'
import type { Fit } from '../frames/size.ts'

const side = () => z.int().min(2).max(16_384).optional().meta({ unit: 'pixels', defaultText: "the source's" })
const byCodec = { values: 'by codec', defaultText: 'by codec' }
const endings = containers.map((container) => `\`.${container}\``).join(', ')
const audioDefaults = Object.entries(audioCodecOf).map(([container, codec]) => `${codec} in ${container}`)
const kbpsDefaults = Object.entries(audioCodecs).map(([codec, { kbps }]) => `${kbps} for ${codec}`)

/** Default keys of subtitles: beside one file, and beside renditions, which caches keep. */
const subtitlesKeys = { file: 'sub_{name}_{n}.vtt', renditions: 'hls_{name}/{version}/sub_{n}.vtt' } as const

/** The only place of defaults, limits and descriptions; `npm run docs` writes the table of docs/plugins.md from it. */
export const transcodeOptions = z
  .object({
    /** Codec of the video. */
    codec: z
      .enum(['h264', 'hevc', 'av1', 'vp9'])
      .default('h264')
      .describe('Codec of the video. h264 plays everywhere; the others make smaller files and are slower to encode.'),
    /** Constant quality: a lower value means better quality and a larger file. */
    crf: z
      .number()
      .min(0)
      .optional()
      .meta(byCodec)
      .describe('Constant quality: a lower value means better quality and a larger file.'),
    /** Encoding speed against file size: a name for h264 and hevc, a number for av1 and vp9. */
    preset: z
      .union([z.string(), z.int()])
      .optional()
      .meta(byCodec)
      .describe('Encoding speed against file size: a name for h264 and hevc, a number for av1 and vp9.'),
    /** Encodes the video on a GPU: `auto` with the first hardware encoder that works, or in software. Never ran on a GPU. */
    hardware: z
      .enum(['none', 'auto', 'nvenc', 'qsv', 'vaapi'])
      .default('none')
      .describe(
        'Encodes h264, hevc and av1 on a GPU: of NVIDIA (`nvenc`), of Intel (`qsv`), or with VA-API. `auto` takes the first ' +
          'that works at start, or software. See [hardware encoders](hardware.md), which never ran on a GPU.',
      ),
    /** Device for `hardware`: a path such as `/dev/dri/renderD129`, or the number of an NVIDIA GPU. */
    hardwareDevice: z
      .string()
      .regex(
        /^(?:\d{1,3}|\/dev\/dri\/renderD\d{1,3})$/,
        'must be the number of a GPU, or a path such as /dev/dri/renderD129',
      )
      .optional()
      .meta({ values: 'a number or a path', defaultText: 'the first' })
      .describe(
        'Device for `hardware`: a path such as `/dev/dri/renderD129` for qsv and vaapi, the number of a GPU such as `1` for nvenc.',
      ),
    /** Threads of the video encoder. */
    threads: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .meta({ defaultText: "the encoder's: about one per CPU" })
      .describe(
        'Threads of the video encoder. A few jobs at once with few threads each can process more files per hour than one ' +
          'job with many threads; `mediad tune` measures it.',
      ),
    /** The largest width in pixels; nothing is enlarged. */
    maxWidth: side().describe('The largest width; nothing is enlarged.'),
    /** The largest height in pixels; nothing is enlarged. */
    maxHeight: side().describe('The largest height; nothing is enlarged.'),
    /** How the video fits into `maxWidth` × `maxHeight`; `cover` and `pad` need both. */
    fit: z
      .enum(['contain', 'cover', 'pad'])
      .default('contain')
      .describe(
        'How the video fits into `maxWidth` × `maxHeight`: `contain` scales it until all of it fits, `cover` fills them ' +
          'and crops the rest, `pad` adds black bars. The last two need both sizes.',
      ),
    /** `tonemap` converts HDR to SDR, `keep` leaves it HDR (hevc and av1). */
    hdr: z
      .enum(['tonemap', 'keep'])
      .default('tonemap')
      .describe('`tonemap` converts HDR to SDR, `keep` leaves it HDR with 10 bits; only hevc and av1 can.'),
    /** `auto` copies streams that already are as requested, `never` re-encodes everything. */
    copy: z
      .enum(['auto', 'never'])
      .default('auto')
      .describe('`auto` copies streams that already are as requested, `never` re-encodes everything.'),
    /** Encoding of the audio. */
    audio: z
      .strictObject({
        /** Codec of the audio; the container must take it. */
        codec: z
          .enum(['aac', 'opus'])
          .optional()
          .meta({ defaultText: audioDefaults.join(', ') })
          .describe('Codec of the audio; the container must take it.'),
        /** Bit rate of audio that is re-encoded, in kbit/s. */
        kbps: z
          .int()
          .min(16)
          .max(510)
          .optional()
          .meta({ defaultText: kbpsDefaults.join(', ') })
          .describe('Bit rate of audio that is re-encoded, in kbit/s.'),
        /** `all` makes a rendition of one audio track per language; only with `renditions`. */
        languages: z
          .enum(['one', 'all'])
          .optional()
          .meta({ defaultText: '`one`' })
          .describe('`all` makes a rendition of the best audio track of each language; only with `renditions`.'),
      })
      .default({}),
    /** Brings the audio to a loudness (EBU R128), in two passes. */
    loudness: z
      .strictObject({
        /** Integrated loudness in LUFS, such as -16. */
        target: z
          .number()
          .min(-70)
          .max(-5)
          .meta({ unit: 'LUFS', defaultText: "the source's" })
          .describe(
            'Brings the audio to this integrated loudness (EBU R128), in two passes. Common are -16 on the web and -23 in ' +
              'broadcasting.',
          ),
      })
      .optional(),
    /** `drop` removes titles, places, dates and devices; languages and chapters stay. */
    metadata: z
      .enum(['drop', 'keep'])
      .default('drop')
      .describe(
        '`drop` removes titles (those of chapters, too), places, dates and devices. Languages and chapters always stay.',
      ),
    /** `webvtt` makes a file of each subtitle track that is text. */
    subtitles: z
      .enum(['none', 'webvtt'])
      .default('none')
      .describe('`webvtt` makes a WebVTT file of each subtitle track that is text.'),
    /** Key of a subtitle file: `{n}` counts from 1, `{language}` is a three-letter code or `und`. */
    subtitlesKey: z
      .string()
      .optional()
      .meta({
        values: 'a key with `{n}`',
        defaultText: `\`${subtitlesKeys.file}\`, with \`renditions\` \`${subtitlesKeys.renditions}\``,
      })
      .describe(
        'Key of each subtitle file. `{n}` counts from 1, `{language}` is a three-letter code, or `und` when unknown.',
      ),
    /** `reject` fails the job of a corrupt or truncated source, `warn` uses what can be decoded. */
    onCorrupt: z
      .enum(['reject', 'warn'])
      .default('reject')
      .describe(
        '`reject` fails the job of a source that is corrupt or truncated beyond the thresholds, `warn` uses what can be ' +
          'decoded.',
      ),
    /** Key of the result; its extension chooses the container. */
    key: z
      .string()
      .default('cvted_{name}.mp4')
      .meta({ values: `ends in ${endings}` })
      .describe('Key of the result; its extension chooses the container.'),
    ...renditionShape,
  })
  .superRefine((given, context) => {
    const addIssue = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    for (const [path, message] of findMistakes(given)) addIssue(path, message)
  })

type Given = {
  codec: VideoCodec
  crf?: number | undefined
  preset?: string | number | undefined
  audio: { codec?: AudioCodec | undefined; kbps?: number | undefined; languages?: 'one' | 'all' | undefined }
  maxWidth?: number | undefined
  maxHeight?: number | undefined
  fit: Fit
  hdr: Hdr
  metadata: 'drop' | 'keep'
  hardware: 'none' | 'auto' | Family
  hardwareDevice?: string | undefined
  subtitles: 'none' | 'webvtt'
  subtitlesKey?: string | undefined
  key: string
} & GivenRenditions

/** Finds mistakes that depend on several options. */
function findMistakes(given: Given): [string[], string][] {
  const { codec, crf, preset, audio, key, fit, hdr, subtitlesKey = subtitlesKeys.file } = given
  const traits = videoCodecs[codec]
  const container = toContainer(key)
  const audioCodec = audio.codec
  const rules: [boolean, string[], string][] = [
    [crf !== undefined && crf > traits.crf.max, ['crf'], `${codec} takes 0 to ${traits.crf.max}`],
    [
      preset !== undefined && !traits.preset.allowed.includes(preset),
      ['preset'],
      `${codec} takes one of: ${traits.preset.allowed.join(', ')}`,
    ],
    [fit !== 'contain' && !(given.maxWidth && given.maxHeight), ['fit'], `"${fit}" needs maxWidth and maxHeight`],
    [hdr === 'keep' && traits.hdrProfiles.length === 0, ['hdr'], `${codec} cannot keep HDR: choose hevc or av1`],
    [
      given.hardware !== 'none' && !isHardwareCodec(codec),
      ['hardware'],
      `${codec} has no hardware encoder here: choose h264, hevc or av1`,
    ],
    [hasWrongDevice(given), ['hardwareDevice'], 'nvenc takes a number, qsv and vaapi take a path, none takes neither'],
    [!isUniqueKey(key), ['key'], NOT_UNIQUE],
    [container === null, ['key'], 'must end in .mp4, .webm or .mkv'],
    [container !== null && !traits.containers.includes(container), ['codec'], `${codec} does not go into ${container}`],
    [
      container !== null && audioCodec !== undefined && !audioCodecs[audioCodec].containers.includes(container),
      ['audio', 'codec'],
      `${audioCodec} does not go into ${container}`,
    ],
    [
      given.subtitles !== 'none' && !(isUniqueKey(subtitlesKey) && subtitlesKey.includes('{n}')),
      ['subtitlesKey'],
      'must contain {name} or {id}, and {n}',
    ],
    [audio.languages === 'all' && given.renditions === undefined, ['audio', 'languages'], '"all" needs renditions'],
    ...findRenditionMistakes(given),
  ]
  return rules.filter(([isWrong]) => isWrong).map(([, path, message]) => [path, message])
}

function hasWrongDevice({ hardware, hardwareDevice }: Given): boolean {
  if (hardwareDevice === undefined || hardware === 'auto') return false
  return hardware === 'none' || !isDeviceOf(hardware, hardwareDevice)
}

export type TranscodeOptions = z.output<typeof transcodeOptions>

/** {@link TranscodeOptions} with all defaults that depend on other options. */
export type EncodeSettings = Omit<TranscodeOptions, 'crf' | 'preset' | 'audio' | 'subtitlesKey'> & {
  readonly crf: number
  readonly preset: string | number
  readonly audio: { readonly codec: AudioCodec; readonly kbps: number; readonly languages?: 'one' | 'all' | undefined }
  readonly subtitlesKey: string
  readonly container: Container
}

/** Fills in the defaults that depend on the codec and the container. */
export function toEncodeSettings(given: TranscodeOptions): EncodeSettings {
  const isLadder = given.renditions !== undefined
  const container = isLadder ? 'mp4' : (toContainer(given.key) ?? 'mp4')
  const video = videoCodecs[given.codec]
  const audioCodec = given.audio.codec ?? audioCodecOf[container]
  return {
    ...given,
    crf: given.crf ?? video.crf.default,
    preset: given.preset ?? video.preset.default,
    audio: { ...given.audio, codec: audioCodec, kbps: given.audio.kbps ?? audioCodecs[audioCodec].kbps },
    subtitlesKey: given.subtitlesKey ?? (isLadder ? subtitlesKeys.renditions : subtitlesKeys.file),
    container,
  }
}

/** Returns the options of the muxer. The index (moov) of an mp4 is moved to the front. */
export function toMuxerOptions({ container, metadata }: Pick<EncodeSettings, 'container' | 'metadata'>): string[] {
  const flags = metadata === 'keep' ? '+faststart+use_metadata_tags' : '+faststart'
  // otherwise a timecode in the kept metadata becomes a data track
  const mp4 = ['-movflags', flags, ...(metadata === 'keep' ? ['-write_tmcd', '0'] : [])]
  return ['-max_muxing_queue_size', '65536', ...(container === 'mp4' ? mp4 : [])]
}
