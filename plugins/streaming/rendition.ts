import { posix } from 'node:path'
import type { Artifact } from 'mediad'
import {
  extendBoundaries,
  measureRates,
  toBoundaries,
  toSegments,
  toTargetSeconds,
  type Rates,
  type Segment,
} from './segments.ts'
import { readTrack, toEndSeconds, type Track } from './track.ts'

/** Kind of the artifacts that `hls` and `dash` package: a fragmented MP4 file with one track. */
export const RENDITION = 'rendition'
/** Kind of the WebVTT files. */
export const SUBTITLES = 'subtitles'

/** `Cache-Control` of objects that never change. */
export const IMMUTABLE = 'max-age=31536000, immutable'

/** A track with everything that playlists and manifests say about it. */
export type Rendition = {
  readonly artifact: Artifact
  /** Unique name: that of the file, without the extension, if no other file has it. */
  readonly name: string
  readonly track: Track
  readonly segments: readonly Segment[]
  readonly rates: Rates
}

/** The renditions of a source, segmented at the same times. */
export type Renditions = {
  readonly videos: readonly Rendition[]
  readonly audios: readonly Rendition[]
  /** Start times of the segments in seconds, and the end of the longest track. */
  readonly boundaries: readonly number[]
  readonly endSeconds: number
  readonly targetSeconds: number
}

/** Reads the renditions among the artifacts; null when there are none. */
export async function readRenditions(
  artifacts: readonly Artifact[],
  segmentSeconds: number,
): Promise<Renditions | null> {
  const found = artifacts.filter(({ kind }) => kind === RENDITION)
  if (found.length === 0) return null
  const tracks = await Promise.all(found.map(({ path }) => readTrack(path)))
  const names = toNames(found.map(({ key }) => key))
  const endSeconds = Math.max(...tracks.map(toEndSeconds))
  const shared = toBoundaries(tracks, segmentSeconds)
  const boundaries = extendBoundaries(shared, segmentSeconds, endSeconds)
  const segmented = tracks.map((track) => toSegments(track, track.video ? shared : boundaries))
  const targetSeconds = toTargetSeconds(segmented)
  const all = found.flatMap((artifact, n): Rendition[] => {
    const [name, track, segments] = [names[n], tracks[n], segmented[n]]
    if (name === undefined || track === undefined || segments === undefined) return []
    return [{ artifact, name, track, segments, rates: measureRates(segments, targetSeconds) }]
  })
  return {
    videos: all.filter(({ track }) => track.video !== undefined),
    audios: all.filter(({ track }) => track.audio !== undefined),
    boundaries,
    endSeconds,
    targetSeconds,
  }
}

/**
 * Returns the names of files without their extensions. Of files with one name in several folders, the further ones get a
 * number, because a name is a part of keys and an id.
 */
export function toNames(keys: readonly string[]): string[] {
  const names: string[] = []
  for (const key of keys) {
    const own = posix.basename(key, posix.extname(key))
    let name = own
    for (let n = 2; names.includes(name); n++) name = `${own}-${n}`
    names.push(name)
  }
  return names
}
