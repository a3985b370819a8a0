import { open } from 'node:fs/promises'

/**
 * Demuxers that a file can be read with, by their names in `ffmpeg -demuxers`. Demuxers are the attack surface. Excluded are
 * those that open further files or URLs (hls, concat, dash, sdp, image2, svg, subtitles with references) and those that
 * accept nearly any bytes as media (raw h264, hevc, amrnb, pcm, tty). Each listed demuxer reads self-contained files and
 * recognises them by their content.
 */
export const formatWhitelist = [
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,mxf,dv,ogg,gif',
  'wav,w64,aiff,caf,mp3,aac,ac3,eac3,flac,amr',
  // images: plugins produce them and inspect the result
  'jpeg_pipe,png_pipe,webp_pipe',
  // animated images, since ffmpeg 9
  'webp_anim',
].join(',')

/** Limits that ffmpeg and ffprobe enforce before they decode anything. */
export type InputLimits = {
  /** Largest number of pixels of a frame. A decoder needs about 10 bytes of memory for each. */
  readonly pixels: number
  /** Largest number of streams of all types. */
  readonly streams: number
}

/** Number of bytes at the start of a file that {@link toInputOptions} needs. */
export const INPUT_HEAD_BYTES = 3

/**
 * Returns the input options that restrict ffmpeg and ffprobe to the demuxers of {@link formatWhitelist}, to local files and
 * to the limits. `head` is the start of the file.
 */
export function toInputOptions({ pixels, streams }: InputLimits, head: Buffer): string[] {
  const restrictions = [
    ['-protocol_whitelist', 'file', '-format_whitelist', formatWhitelist],
    // one more than allowed: since ffmpeg 6 the Matroska demuxer drops further streams, so the probe counts them
    ['-max_pixels', String(pixels), '-max_streams', String(streams + 1)],
  ].flat()
  // named explicitly: image2, which can read whole folders, scores higher for a file named .jpg than jpeg_pipe does
  return isJpeg(head) ? [...restrictions, '-f', 'jpeg_pipe'] : restrictions
}

/**
 * How much of a file ffmpeg and ffprobe read to find the parameters of its tracks, when the 5 MB and 5 to 7 s that they read by
 * themselves are not enough. They keep what they read in memory.
 */
export const longAnalysis = { bytes: 100_000_000, seconds: 120 } as const

/** Returns the input options of {@link longAnalysis}. */
export function toAnalysisOptions(isLong: boolean): string[] {
  const { bytes, seconds } = longAnalysis
  return isLong ? ['-probesize', String(bytes), '-analyzeduration', String(seconds * 1e6)] : []
}

/** Returns a `file:` URL, which ffmpeg never takes for an option or another protocol. */
export function toFileUrl(path: string): string {
  return `file:${path}`
}

const isJpeg = (head: Buffer): boolean => head.subarray(0, INPUT_HEAD_BYTES).equals(Buffer.from([0xff, 0xd8, 0xff]))

/** Returns the options of {@link toInputOptions} for a file. */
export async function readInputOptions(path: string, limits: InputLimits): Promise<string[]> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(INPUT_HEAD_BYTES), 0, INPUT_HEAD_BYTES, 0)
  return toInputOptions(limits, buffer.subarray(0, bytesRead))
}
