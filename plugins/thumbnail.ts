import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { definePlugin, MediadError, z, type RunContext, type VideoStream } from '../daemon/index.ts'
import { colourFilters, toPictureInputOptions, toPictureFilters } from './colour.ts'
import { toLayout } from './picture.ts'
import { afterDemanding, toDemanding } from './trial.ts'

type Format = {
  readonly encoder: string
  readonly contentType: string
  readonly pixelFormat: string
  readonly extensions: readonly string[]
  /** From 1 (worst) to 100. */
  readonly options: (quality: number) => string[]
}

const formats = {
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

const options = z
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

type Options = z.output<typeof options>

/** Makes pictures of single frames. A source without a picture gets none. */
export const thumbnail = definePlugin('thumbnail', options, (given) => {
  const times = toTimes(given.at)
  const format = formats[given.format]
  const key = given.key ?? `thumb_{name}${times.length > 1 ? '_{n}' : ''}.${given.format}`
  return {
    keys: [key],
    encoders: [format.encoder],
    filters: colourFilters,
    trials: ({ video }) =>
      video
        ? [
            {
              name: `${format.encoder} with the filters of HDR, transparency and interlaced video`,
              inputOptions: ['-noautorotate'],
              output: {
                extension: given.format,
                options: afterDemanding(thumbnailArguments(given, toDemanding(video))),
              },
            },
          ]
        : [],
    async run(context) {
      const { video } = context.probe
      if (!video) return context.skip('the source has no picture')
      const durationSeconds = video.durationSeconds ?? context.probe.durationSeconds
      for (const [index, at] of times.entries()) {
        const path = join(context.workspace, `thumbnail-${randomUUID()}.${given.format}`)
        await takeFrame(context, {
          path,
          inputOptions: toPictureInputOptions(video),
          options: thumbnailArguments(given, video),
          // its palette may be in the first packet alone
          fromStart: video.pixelFormat === 'pal8',
          at: toSeconds(at, durationSeconds),
        })
        await context.add(path, 'thumbnail', { key, contentType: format.contentType, values: { n: index + 1 } })
        context.progress((index + 1) / times.length)
      }
    },
  }
})

/** ffmpeg's options for a picture of one frame. */
export function thumbnailArguments(
  given: Pick<Options, 'format' | 'width' | 'height' | 'quality'>,
  video: VideoStream,
): string[] {
  const { encoder, pixelFormat, options } = formats[given.format]
  const layout = toLayout(video, { maxWidth: given.width, maxHeight: given.height })
  return [
    ['-map', `0:${video.index}`, '-an', '-sn', '-dn', '-map_metadata', '-1', '-frames:v', '1'],
    [
      '-vf',
      [...toPictureFilters(video, layout, { hdr: 'tonemap' }), toPictureMatrix].join(','),
      '-pix_fmt',
      pixelFormat,
    ],
    ['-c:v', encoder, ...options(given.quality), '-f', 'image2', '-update', '1'],
  ].flat()
}

/** Pictures have the matrix of BT.601, whatever the film has. */
const toPictureMatrix = 'scale=out_color_matrix=bt601'

/** A wanted time in seconds, inside the length as far as it is known. */
export function toSeconds(at: Time, durationSeconds: number | null): number {
  const seconds = typeof at === 'number' ? at : (Number.parseFloat(at) / 100) * (durationSeconds ?? 0)
  return durationSeconds === null ? seconds : Math.min(seconds, Math.max(0, durationSeconds - 0.1))
}

function toTimes(at: Options['at']): Time[] {
  return Array.isArray(at) ? at : [at]
}

/** What ffmpeg fails with when there is nothing (whole) at a time: it says so, or counts what it could not decode. */
const noFrame: ReadonlySet<string> = new Set(['internal.output', 'internal.ffmpeg', 'input.corrupt'])

type Frame = { path: string; inputOptions: string[]; options: string[]; at: number; fromStart: boolean }

/** Lengths are only claimed: where there is no frame an earlier time is tried, and at last the first frame there is. */
async function takeFrame(context: RunContext, frame: Frame): Promise<void> {
  const { path, inputOptions, options, at, fromStart } = frame
  for (const seconds of at > 0 ? [at, at / 2, at / 10] : []) {
    try {
      const seek = ['-ss', seconds.toFixed(3)]
      await context.ffmpeg(
        fromStart
          ? { inputOptions, outputs: [{ path, options: [...seek, ...options] }] }
          : { inputOptions: [...inputOptions, ...seek], outputs: [{ path, options }] },
      )
      return
    } catch (error) {
      if (!(error instanceof MediadError && noFrame.has(error.code))) throw error
      context.log.debug({ seconds }, 'no frame here, trying an earlier time')
    }
  }
  await context.ffmpeg({ inputOptions, outputs: [{ path, options }] })
}
