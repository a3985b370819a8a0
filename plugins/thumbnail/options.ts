import { z } from 'mediad'

type Format = {
  readonly encoder: string
  readonly contentType: string
  readonly pixelFormat: string
  readonly extensions: readonly string[]
  /** From 1 (worst) to 100. */
  readonly options: (quality: number) => string[]
}

export const formats = {
  jpg: {
    encoder: 'mjpeg',
    contentType: 'image/jpeg',
    pixelFormat: 'yuvj420p',
    extensions: ['jpg', 'jpeg'],
    // ffmpeg's scale for JPEG goes from 31 (worst) to 2
    options: (quality) => ['-q:v', String(Math.round(31 - (quality / 100) * 29))],
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
  z.string().regex(/^(?:100|\d{1,2}(?:\.\d+)?)%$/, 'must be seconds, or a share of the length such as "10%"'),
])
type Time = z.output<typeof time>

export const thumbnailOptions = z
  .object({
    /** Seconds, or a share of the length; a list of 1 to 20 of them makes as many pictures. Default `10%`. */
    at: z.union([time, z.array(time).min(1).max(20)]).default('10%'),
    format: z.enum(['jpg', 'png', 'webp']).default('jpg'),
    /** Largest size in pixels; smaller pictures are not enlarged. Default: as large as the source. */
    width: z.int().min(2).max(8192).optional(),
    height: z.int().min(2).max(8192).optional(),
    /** 1 (worst) to 100, for jpg and webp; default 85. */
    quality: z.int().min(1).max(100).default(85),
    /** Default `thumb_{name}.jpg`, or `thumb_{name}_{n}.jpg` for several, `{n}` counting from 1. */
    key: z.string().optional(),
  })
  .superRefine((given, context) => {
    if (given.key === undefined) return
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['key'], message })
    const { extensions } = formats[given.format]
    if (!extensions.some((extension) => given.key?.endsWith(`.${extension}`)))
      refuse(`must end in .${extensions.join(' or .')}`)
    if (!/\{(?:name|id)\}/.test(given.key))
      refuse('must contain {name} or {id}, or every job would write to the same key')
    if (toTimes(given.at).length > 1 && !given.key.includes('{n}'))
      refuse('must contain {n} when there are several pictures')
  })

export type ThumbnailOptions = z.output<typeof thumbnailOptions>

/** A wanted time in seconds, inside the length as far as it is known. */
export function toSeconds(at: Time, durationSeconds: number | null): number {
  const seconds = typeof at === 'number' ? at : (Number.parseFloat(at) / 100) * (durationSeconds ?? 0)
  return durationSeconds === null ? seconds : Math.min(seconds, Math.max(0, durationSeconds - 0.1))
}

export function toTimes(at: ThumbnailOptions['at']): Time[] {
  return Array.isArray(at) ? at : [at]
}
