import { open } from 'node:fs/promises'

/**
 * The demuxers a file may be read with. Demuxers are the attack surface: those that open further files or addresses
 * (hls, concat, dash, sdp, image2, svg, subtitles with references) are never in here, nor those that take nearly any
 * bytes for media (raw h264, hevc, amrnb, pcm, tty). Each is self-contained and recognises its own files. The names are those of
 * `ffmpeg -demuxers`; a name with commas counts as several.
 */
export const formatWhitelist = [
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,mxf,dv,ogg,gif',
  'wav,w64,aiff,caf,mp3,aac,ac3,eac3,flac,amr',
  // still pictures: plugins make them, and look at what they made
  'jpeg_pipe,png_pipe,webp_pipe',
].join(',')

/** What is refused as soon as ffmpeg or ffprobe sees it, before anything is decoded. */
export type InputLimits = {
  /** Of one picture. A decoder takes about 10 bytes of memory for each. */
  readonly pixels: number
  readonly streams: number
}

/**
 * How ffmpeg and ffprobe are told to read a file: only with known demuxers, only from disk, and without looking at its
 * name (`file:` also makes a name that begins with a dash harmless). Ends in the path, without `-i`.
 */
export async function toInputOptions(path: string, { pixels, streams }: InputLimits): Promise<string[]> {
  const restrictions = [
    ['-protocol_whitelist', 'file', '-format_whitelist', formatWhitelist],
    // one more than allowed, for the probe to count: from ffmpeg 6 on Matroska's demuxer only drops those beyond
    ['-max_pixels', String(pixels), '-max_streams', String(streams + 1)],
  ].flat()
  // a JPEG's own demuxer is so unsure of itself that image2, which reads whole folders, wins by the file's name
  return (await isJpeg(path)) ? [...restrictions, '-f', 'jpeg_pipe'] : restrictions
}

/** `file:` and the path: never taken for an option or another protocol. */
export function toFileUrl(path: string): string {
  return `file:${path}`
}

async function isJpeg(path: string): Promise<boolean> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(3), 0, 3, 0)
  return bytesRead === 3 && buffer.equals(Buffer.from([0xff, 0xd8, 0xff]))
}
