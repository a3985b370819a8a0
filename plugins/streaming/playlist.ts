import type { Segment } from './segments.ts'
import type { Range, Track } from './track.ts'

/** Version 7 has `EXT-X-MAP` in all playlists, and what is newer is ignored by older players. */
export const HLS_VERSION = 7

type MediaPlaylist = {
  /** URL of the file that all segments are in, relative to the playlist. */
  readonly uri: string
  /** The header that a player needs first; undefined for WebVTT, which has none. */
  readonly init?: Range | undefined
  readonly segments: readonly Segment[]
  readonly targetSeconds: number
}

/** Returns a media playlist whose segments are byte ranges of one file. */
export function toMediaPlaylist({ uri, init, segments, targetSeconds }: MediaPlaylist): string {
  return toText([
    ...toHeader(targetSeconds),
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...toMap(uri, init),
    ...segments.flatMap(({ seconds, range }) => toSegment(uri, seconds, range)),
  ])
}

/** Returns the I-frame playlist of a video: the first frame of each fragment, with the header of the fragment. */
export function toIFramePlaylist(track: Track, { uri, targetSeconds }: { uri: string; targetSeconds: number }): string {
  return toText([
    ...toHeader(targetSeconds),
    '#EXT-X-I-FRAMES-ONLY',
    ...toMap(uri, track.init),
    ...toIFrames(track).flatMap(({ seconds, range }) => toSegment(uri, seconds, range)),
  ])
}

/** Lists the I-frames as segments: each lasts until the next one. */
export function toIFrames({ fragments, timescale }: Track): Segment[] {
  return fragments.map(({ offset, firstSampleEnd, start, duration }) => ({
    range: { offset, sizeBytes: firstSampleEnd - offset },
    start: start / timescale,
    seconds: duration / timescale,
  }))
}

function toHeader(targetSeconds: number): string[] {
  return [
    '#EXTM3U',
    `#EXT-X-VERSION:${HLS_VERSION}`,
    `#EXT-X-TARGETDURATION:${targetSeconds}`,
    '#EXT-X-MEDIA-SEQUENCE:0',
    '#EXT-X-PLAYLIST-TYPE:VOD',
  ]
}

function toMap(uri: string, init: Range | undefined): string[] {
  return init === undefined ? [] : [`#EXT-X-MAP:URI="${uri}",BYTERANGE="${init.sizeBytes}@${init.offset}"`]
}

function toSegment(uri: string, seconds: number, { sizeBytes, offset }: Range): string[] {
  return [`#EXTINF:${seconds.toFixed(6)},`, `#EXT-X-BYTERANGE:${sizeBytes}@${offset}`, uri]
}

function toText(lines: readonly string[]): string {
  return `${lines.join('\n')}\n#EXT-X-ENDLIST\n`
}
