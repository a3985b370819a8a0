import { z } from 'mediad'
import { isUniqueKey } from '../keys.ts'
import { videoCodecs, type VideoCodec } from '../transcode/codecs.ts'

/** Largest number of renditions. */
const MAX_RENDITIONS = 12

/** Options of one rendition. */
export const renditionOptions = z.strictObject({
  /** Short side in pixels, such as 720: the height, and the width of portrait video. */
  height: z
    .int()
    .min(2)
    .max(8192)
    .meta({ unit: 'pixels' })
    .describe(
      'Short side: the height, and the width of portrait video. Sides larger than those of the source are left out.',
    ),
  /** Codec of this rendition. */
  codec: z
    .enum(['h264', 'hevc', 'av1', 'vp9'])
    .optional()
    .meta({ defaultText: 'that of `transcode`' })
    .describe('Codec of this rendition.'),
  /** Constant quality of this rendition. */
  crf: z
    .number()
    .min(0)
    .optional()
    .meta({ values: 'by codec', defaultText: 'that of `transcode`, else by codec' })
    .describe('Constant quality of this rendition.'),
  /** Encoding speed of this rendition. */
  preset: z
    .union([z.string(), z.int()])
    .optional()
    .meta({ values: 'by codec', defaultText: 'that of `transcode`, else by codec' })
    .describe('Encoding speed of this rendition.'),
  /** Highest bit rate of this rendition, in kbit/s. */
  maxrateKbps: z
    .int()
    .min(50)
    .max(200_000)
    .optional()
    .meta({ defaultText: 'by size and codec' })
    .describe('Highest bit rate of this rendition, in kbit/s.'),
})
export type GivenRendition = z.output<typeof renditionOptions>

/** Options of `transcode` for several renditions of the video. */
export const renditionShape = {
  /** Makes several sizes of the video for adaptive streaming, instead of one file: `auto`, or a list. */
  renditions: z
    .union([z.literal('auto'), z.array(renditionOptions).min(1).max(MAX_RENDITIONS)])
    .optional()
    .meta({ values: '`auto`, or a list', defaultText: 'one file' })
    .describe(
      'Makes several sizes of the video for adaptive streaming, in one run, instead of one file; see [streaming](streaming.md). ' +
        '`auto` chooses them by the size of the source.',
    ),
  /** Time between keyframes of renditions, in seconds. */
  keyframeSeconds: z
    .number()
    .min(0.5)
    .max(10)
    .default(2)
    .meta({ unit: 'seconds' })
    .describe(
      'Time between the keyframes of renditions, the same for all of them. Players switch and seek to keyframes.',
    ),
  /** Key of each rendition. */
  renditionsKey: z
    .string()
    .default('hls_{name}/{version}/{rendition}.mp4')
    .meta({ values: 'a key with `{version}` and `{rendition}`' })
    .describe(
      'Key of each rendition. `{rendition}` is its name, such as `h264-720p` or `audio-eng`. It needs `{version}`, because ' +
        'caches keep the object for a year.',
    ),
}

export type GivenRenditions = {
  renditions?: 'auto' | readonly GivenRendition[] | undefined
  renditionsKey: string
}

type Given = GivenRenditions & {
  codec: VideoCodec
  fit: string
  hdr: string
  metadata: string
  audio: { codec?: string | undefined }
}

/** Finds mistakes in the options of renditions: the path of the option, and a message, each with the condition for it. */
export function findRenditionMistakes(given: Given): [boolean, string[], string][] {
  const { renditions, renditionsKey, fit, hdr, metadata } = given
  if (renditions === undefined) return []
  const list = renditions === 'auto' ? [] : renditions
  const needed = ['{version}', '{rendition}'].every((name) => renditionsKey.includes(name))
  return [
    [fit !== 'contain', ['fit'], `"${fit}" cannot be combined with renditions`],
    [metadata === 'keep', ['metadata'], '"keep" cannot be combined with renditions'],
    [
      !(needed && isUniqueKey(renditionsKey) && renditionsKey.endsWith('.mp4')),
      ['renditionsKey'],
      'must contain {version}, {rendition}, and {name} or {id}, and end in .mp4',
    ],
    ...list.flatMap((one, n) => findOwnMistakes(one, { at: ['renditions', String(n)], codec: given.codec, hdr })),
  ]
}

function findOwnMistakes(
  { codec: own, crf, preset }: GivenRendition,
  { at, codec: common, hdr }: { at: string[]; codec: VideoCodec; hdr: string },
): [boolean, string[], string][] {
  const codec = own ?? common
  const traits = videoCodecs[codec]
  return [
    [crf !== undefined && crf > traits.crf.max, [...at, 'crf'], `${codec} takes 0 to ${traits.crf.max}`],
    [
      preset !== undefined && !traits.preset.allowed.includes(preset),
      [...at, 'preset'],
      `${codec} takes one of: ${traits.preset.allowed.join(', ')}`,
    ],
    [
      hdr === 'keep' && traits.hdrProfiles.length === 0,
      [...at, 'codec'],
      `${codec} cannot keep HDR: choose hevc or av1`,
    ],
  ]
}
