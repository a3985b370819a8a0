import { open } from 'node:fs/promises'

/** Bytes of the header: RIFF, size, WEBP, the chunk VP8X with its size, and the flags. */
const HEADER_BYTES = 21
/** https://developers.google.com/speed/webp/docs/riff_container#extended_file_format */
const ANIMATION = 0x02

/** Returns whether a file is an animated WebP image, which only ffmpeg 9 and later decode. */
export async function isAnimatedWebp(path: string): Promise<boolean> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
  const header = buffer.toString('latin1')
  const isExtended = bytesRead === HEADER_BYTES && header.startsWith('RIFF') && header.startsWith('WEBPVP8X', 8)
  return isExtended && ((buffer[HEADER_BYTES - 1] ?? 0) & ANIMATION) !== 0
}
