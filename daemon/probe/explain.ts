import { MediadError } from '../vocabulary/errors.ts'
import { readAt, type OpenFile } from './bytes.ts'
import type { InputLimits } from '../programs/input.ts'
import { classify } from '../programs/printed/stderr.ts'
import type { Boxes } from './mp4/boxes.ts'
import type { Scrambling } from './mpegts/scrambling.ts'

/** What the bytes of a file show about the reason why it cannot be read. */
type Facts = Boxes & { readonly scrambling: Scrambling; readonly limits: InputLimits }

/** Replaces an error by one that names the cause. */
export type Explain = (error: unknown) => unknown

/**
 * Creates the function that replaces the error for a file that ffprobe cannot read, or in which it finds nothing to decode, by
 * one that names the cause, where the bytes of the file or the lines of ffprobe show it.
 */
export async function createExplain(file: OpenFile, facts: Facts): Promise<Explain> {
  const isAnimated = await isAnimatedWebp(file)
  return (error) => {
    if (!(error instanceof MediadError && error.code.startsWith('input.'))) return error
    const { code, stderr } = error
    if (facts.encrypted) return encryptedError()
    if (code === 'input.too_many_streams') return streamsError(facts.limits, stderr)
    if (!vague.has(code)) return error
    if (facts.scrambling.suspected) return encryptedError()
    if (isAnimated) return animatedError()
    if (facts.truncated) return new MediadError('input.truncated', 'the file is truncated: upload it again', { stderr })
    const known = classify(stderr)
    if (known?.code === 'input.unsupported_codec') return new MediadError(known.code, known.message, { stderr })
    if (facts.brand === null || code !== 'input.not_media') return error
    return new MediadError('input.corrupt', 'the file is an MP4 with a corrupt index', { stderr })
  }
}

/** Codes for files in which ffprobe finds nothing to decode. */
const vague: ReadonlySet<string> = new Set(['input.not_media', 'input.corrupt', 'input.truncated'])

export function streamsError({ streams }: InputLimits, stderr: readonly string[]): MediadError {
  const message = `the file has more than ${streams} streams: upload one with fewer, or raise limits.streams`
  return new MediadError('input.too_many_streams', message, { stderr })
}

export function encryptedError(): MediadError {
  return new MediadError('input.encrypted', 'the file is encrypted: upload it without copy protection')
}

export function dolbyVisionError(): MediadError {
  const message =
    'the video is Dolby Vision without a base layer that other players can show: upload it as HDR10, HLG or SDR'
  return new MediadError('input.unsupported_codec', message)
}

function animatedError(): MediadError {
  const message = 'the file is an animated WebP image, which this ffmpeg cannot decode: upload it as GIF or as a video'
  return new MediadError('input.unsupported_codec', message)
}

/** Brands of HEIF images, which consist of MP4 boxes. */
const heifBrands: ReadonlySet<string> = new Set('heic heix hevc hevx heim heis mif1 msf1 avif avis'.split(' '))

/**
 * Whether the file is a HEIF image without a movie. No version of ffmpeg reads all of them: 5.1 none, and later ones make one
 * frame of a single tile of a tiled image.
 */
export function isHeifImage({ brand, movie }: Boxes): boolean {
  return brand !== null && heifBrands.has(brand) && movie === null
}

export function heifError({ brand }: Boxes): MediadError {
  const message = `the file is an image of format ${brand}, which is not supported: upload it as JPEG or PNG`
  return new MediadError('input.unsupported_codec', message)
}

/** Bytes of the header: RIFF, size, WEBP, the chunk VP8X with its size, and the flags. */
const HEADER_BYTES = 21
/** https://developers.google.com/speed/webp/docs/riff_container#extended_file_format */
const ANIMATION = 0x02

/** Returns whether a file is an animated WebP image, which only ffmpeg 9 and later decode. */
export async function isAnimatedWebp(file: OpenFile): Promise<boolean> {
  const bytes = await readAt(file, 0, HEADER_BYTES)
  const header = bytes.toString('latin1')
  const isExtended = bytes.length === HEADER_BYTES && header.startsWith('RIFF') && header.startsWith('WEBPVP8X', 8)
  return isExtended && ((bytes[HEADER_BYTES - 1] ?? 0) & ANIMATION) !== 0
}
