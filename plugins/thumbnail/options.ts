import { z } from 'mediad'
import { toJpegOptions } from '../frames/image.ts'
import { isUniqueKey, NOT_UNIQUE } from '../keys.ts'

type Format = {
  readonly encoder: string
  readonly contentType: string
  readonly pixelFormat: string
  readonly extensions: readonly string[]
  /** Returns encoder options for a quality from 1 (worst) to 100. */
  readonly options: (quality: number) => string[]
}

export const formats = {
  jpg: {
    encoder: 'mjpeg',
    contentType: 'image/jpeg',
    pixelFormat: 'yuvj420p',
    extensions: ['jpg', 'jpeg'],
    options: toJpegOptions,
  },
  png: { encoder: 'png', contentType: 'image/png', pixelFormat: 'rgb24', extensions: ['png'], options: () => [] },
  webp: {
    encoder: 'libwebp',
    contentType: 'image/webp',
    pixelFormat: 'yuv420p',
    extensions: ['webp'],
    options: (quality) => ['-quality', String(quality)],
  },
} as const satisfies Record<string, Format>

const time = z.union([
  z.number().min(0),
  z.string().regex(/^(?:100|\d{1,2}(?:\.\d+)?)%$/, 'must be seconds, or a share of the duration such as "10%"'),
])
/** Seconds, or a share of the duration. */
export type Time = z.output<typeof time>

const MAX_TIMES = 20

const side = () => z.int().min(2).max(8192).optional().meta({ unit: 'pixels', defaultText: "the source's" })

/** The only place of defaults, limits and descriptions; `npm run docs` writes the table of docs/plugins.md from it. */
export const thumbnailOptions = z
  .object({
    /** Time of the frame: seconds, or a share of the duration such as `10%`; a list makes an image of each. */
    at: z
      .union([time, z.array(time).min(1).max(MAX_TIMES)])
      .default('10%')
      .meta({ values: `seconds, a share such as \`10%\`, or a list of 1 to ${MAX_TIMES} of them` })
      .describe('Time of the frame: seconds, or a share of the duration. A list makes an image of each.'),
    /** Format of the image. */
    format: z.enum(['jpg', 'png', 'webp']).default('jpg').describe('Format of the image.'),
    /** The largest width in pixels; smaller frames are not enlarged. */
    width: side().describe('The largest width; smaller frames are not enlarged.'),
    /** The largest height in pixels; smaller frames are not enlarged. */
    height: side().describe('The largest height; smaller frames are not enlarged.'),
    /** Quality of jpg and webp: a higher value means better quality and a larger file. */
    quality: z
      .int()
      .min(1)
      .max(100)
      .default(85)
      .describe('Quality of jpg and webp: a higher value means better quality and a larger file.'),
    /** Key of the image, with the extension of its format; several images need `{n}`, which counts from 1. */
    key: z
      .string()
      .optional()
      .meta({
        values: 'ends like the format',
        defaultText: `\`${toDefaultKey('jpg', 1)}\`, of several images \`${toDefaultKey('jpg', 2)}\``,
      })
      .describe('Key of the image, with the extension of its format. Several images need `{n}`, which counts from 1.'),
  })
  .superRefine((given, context) => {
    if (given.key === undefined) return
    const addIssue = (message: string) => context.addIssue({ code: 'custom', path: ['key'], message })
    const { extensions } = formats[given.format]
    if (!extensions.some((extension) => given.key?.endsWith(`.${extension}`)))
      addIssue(`must end in .${extensions.join(' or .')}`)
    if (!isUniqueKey(given.key)) addIssue(NOT_UNIQUE)
    if (toTimes(given.at).length > 1 && !given.key.includes('{n}'))
      addIssue('must contain {n} when there are several images')
  })

export type ThumbnailOptions = z.output<typeof thumbnailOptions>

/** Converts a requested time to seconds. The result is at least 0.1 s before the end, when the duration is known. */
export function toSeconds(at: Time, durationSeconds: number | null): number {
  const seconds = typeof at === 'number' ? at : (Number.parseFloat(at) / 100) * (durationSeconds ?? 0)
  return durationSeconds === null ? seconds : Math.min(seconds, Math.max(0, durationSeconds - 0.1))
}

/** Returns the requested times as a list. */
export function toTimes(at: ThumbnailOptions['at']): Time[] {
  return Array.isArray(at) ? at : [at]
}

/** Returns the default key template of the images. */
export function toDefaultKey(format: keyof typeof formats, count: number): string {
  return `thumb_{name}${count > 1 ? '_{n}' : ''}.${format}`
}
