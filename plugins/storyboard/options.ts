import { z } from 'mediad'
import { isUniqueKey, NOT_UNIQUE } from '../keys.ts'

/** The only place of defaults, limits and descriptions; `npm run docs` writes the table of docs/plugins.md from it. */
export const storyboardOptions = z
  .object({
    /** Time between two frames in seconds. Longer for a video that would need more than `maxFrames`. */
    intervalSeconds: z
      .number()
      .min(0.5)
      .max(3600)
      .default(2)
      .meta({ unit: 'seconds' })
      .describe('Time between two frames. It is longer for a video that would need more than `maxFrames`.'),
    /** The most frames in the image. */
    maxFrames: z.int().min(1).max(400).default(100).describe('The most frames in the image.'),
    /** The largest width and height of a frame in pixels. */
    side: z
      .int()
      .min(16)
      .max(640)
      .default(160)
      .meta({ unit: 'pixels' })
      .describe('The largest width and height of a frame.'),
    /** Number of frames in a row of the image. */
    columns: z.int().min(1).max(20).default(10).describe('Number of frames in a row of the image.'),
    /** Quality of the image: a higher value means better quality and a larger file. */
    quality: z.int().min(1).max(100).default(75).describe('Quality of the JPEG image, from 1 to 100.'),
    /** Key of the image. */
    key: template('storyboard_{name}.jpg', '.jpg').describe('Key of the image.'),
    /** Key of the WebVTT file that names the part of the image for each time. */
    trackKey: template('storyboard_{name}.vtt', '.vtt').describe(
      'Key of the WebVTT file that names the part of the image for each time.',
    ),
  })
  .superRefine(({ maxFrames, columns, side }, context) => {
    const rows = Math.ceil(maxFrames / columns)
    if (Math.max(rows, columns) * side <= MAX_IMAGE_SIDE) return
    const message = `makes an image of more than ${MAX_IMAGE_SIDE} pixels: lower side or maxFrames, or change columns`
    context.addIssue({ code: 'custom', path: ['side'], message })
  })

/** Browsers on phones decode no larger images in full. */
const MAX_IMAGE_SIDE = 8192

export type StoryboardOptions = z.output<typeof storyboardOptions>

function template(key: string, extension: string) {
  return z
    .string()
    .default(key)
    .refine((value) => value.endsWith(extension), `must end in ${extension}`)
    .refine(isUniqueKey, NOT_UNIQUE)
    .meta({ values: `ends in \`${extension}\`` })
}
