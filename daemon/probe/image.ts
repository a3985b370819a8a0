import { MediadError } from '../vocabulary/errors.ts'
import { openFile, readAt } from './bytes.ts'
import type { MediaSummary } from '../vocabulary/job.ts'

/** The size of an image is in front of its data, but a photo can have a preview and metadata before it. */
const HEADER_BYTES = 512 * 1024

/**
 * Reads the format and the size of an image, as a viewer shows it, from its header.
 *
 * @throws MediadError `internal.output` when the file is not an image of a known format
 */
export async function summariseImage(path: string): Promise<MediaSummary> {
  await using file = await openFile(path)
  const { type = '', width, height, orientation = 1 } = await toImageSize(await readAt(file, 0, HEADER_BYTES))
  const isTurned = orientation > 4 // EXIF: 5 to 8 are rotated by 90 or 270 degrees
  return {
    format: type === 'jpg' ? 'jpeg' : type,
    ...(isTurned ? { width: height, height: width } : { width, height }),
  }
}

/** Loads the package with the first image, so that a start does not wait for it. */
async function toImageSize(header: Buffer) {
  const { imageSize } = await import('image-size')
  const message = 'a plugin produced a file that is not an image of a known format'
  try {
    const size = imageSize(header)
    if (size.width > 0 && size.height > 0) return size
    throw new Error(`the image has ${size.width}x${size.height} pixels`)
  } catch (error) {
    throw new MediadError('internal.output', message, { cause: error })
  }
}
