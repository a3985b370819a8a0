/** Reads presentations with hls-parser and mp4box, independently of the code under test. */
import { posix } from 'node:path'
import hlsParser from 'hls-parser'
import { createFile, MP4BoxBuffer } from 'mp4box'

hlsParser.setOptions({ silent: true })

/** The objects of a bucket by key. */
export type Files = ReadonlyMap<string, Buffer>

export type Sample = {
  /** Decode time, presentation time and duration in seconds. */
  readonly decode: number
  readonly presentation: number
  readonly seconds: number
  readonly offset: number
  readonly size: number
  readonly isSync: boolean
}

export type Media = {
  readonly codec: string
  readonly width?: number
  readonly height?: number
  readonly channels?: number
  readonly language?: string
  readonly samples: readonly Sample[]
  /** Decode time and position of each fragment. */
  readonly fragments: readonly { readonly decode: number; readonly offset: number }[]
}

const cache = new WeakMap<Buffer, Media>()

/** Reads a fragmented MP4 with one track. */
export function readMedia(bytes: Buffer): Media {
  const media = cache.get(bytes) ?? parseMedia(bytes)
  cache.set(bytes, media)
  return media
}

function parseMedia(bytes: Buffer): Media {
  const file = createFile()
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(Uint8Array.from(bytes).buffer, 0))
  file.flush()
  const [track] = file.getInfo().tracks
  if (!track) throw new Error('no track')
  const samples = file.getTrackSamplesInfo(track.id).map((sample) => ({
    decode: sample.dts / sample.timescale,
    presentation: sample.cts / sample.timescale,
    seconds: sample.duration / sample.timescale,
    offset: sample.offset,
    size: sample.size,
    isSync: sample.is_sync,
  }))
  const { video, audio } = track
  return {
    codec: track.codec,
    ...(video && { width: video.width, height: video.height }),
    ...(audio && { channels: audio.channel_count }),
    ...(track.language !== 'und' && { language: track.language }),
    samples,
    fragments: file.moofs.map((moof) => ({
      decode: (moof.trafs[0]?.tfdt?.baseMediaDecodeTime ?? Number.NaN) / track.timescale,
      offset: moof.start ?? Number.NaN,
    })),
  }
}

export type Segment = { readonly seconds: number; readonly offset: number; readonly size: number }

export type Playlist = {
  readonly key: string
  readonly version: number
  readonly targetSeconds: number
  readonly isComplete: boolean
  readonly isIFrame: boolean
  readonly isIndependent: boolean
  /** Key of the file of all segments; null if they are in several. */
  readonly file: string | null
  readonly init: { readonly offset: number; readonly size: number } | null
  readonly segments: readonly Segment[]
}

/** Returns the key that a URL in an object refers to. */
export function resolveUrl(from: string, url: string): string {
  return posix.join(posix.dirname(from), ...url.split('/').map(decodeURIComponent))
}

export function readPlaylist(files: Files, key: string): Playlist {
  const text = files.get(key)?.toString() ?? ''
  const playlist = hlsParser.parse(text)
  if (playlist.isMasterPlaylist) throw new Error(`${key} is a multivariant playlist`)
  const media = playlist as hlsParser.types.MediaPlaylist
  const keys = new Set(media.segments.map(({ uri }) => resolveUrl(key, uri)))
  const map = media.segments[0]?.map
  return {
    key,
    version: media.version ?? 1,
    targetSeconds: media.targetDuration,
    isComplete: media.endlist && media.playlistType === 'VOD',
    isIFrame: media.isIFrame === true,
    isIndependent: media.independentSegments,
    file: keys.size === 1 ? ([...keys][0] ?? null) : null,
    init: map?.byterange ? { offset: map.byterange.offset, size: map.byterange.length } : null,
    segments: media.segments.map(({ duration, byterange }) => ({
      seconds: duration,
      offset: byterange?.offset ?? -1,
      size: byterange?.length ?? 0,
    })),
  }
}

export function readMaster(files: Files, key: string): hlsParser.types.MasterPlaylist {
  const playlist = hlsParser.parse(files.get(key)?.toString() ?? '')
  if (!playlist.isMasterPlaylist) throw new Error(`${key} is not a multivariant playlist`)
  return playlist as hlsParser.types.MasterPlaylist
}
