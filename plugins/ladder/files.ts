import { open } from 'node:fs/promises'
import { MediadError, type AudioStream, type Probe, type RunContext } from 'mediad'
import { readTopBoxes } from '../streaming/boxes.ts'
import { readTrack, type Track } from '../streaming/track.ts'
import type { EncodeSettings } from '../transcode/options.ts'
import { inspectResult } from '../transcode/result/result.ts'
import { clearPreSkip } from './pre-skip.ts'

/** An output of the run. */
export type File = {
  readonly path: string
  readonly options: readonly string[]
  /** Name of the rendition, such as `h264-720p` or `audio-eng`. */
  readonly name: string
  readonly contentType: 'video/mp4' | 'audio/mp4'
  /** The track of the source that the audio is from. */
  readonly audio?: AudioStream
}

/** A finished rendition. `result` has the duration and the number of frames that its boxes state. */
export type Made = File & { readonly result: Probe; readonly track: Track }

/**
 * Reads the finished files. The audio of a further language that cannot be decoded is a warning: the others play without it.
 *
 * @throws MediadError `input.corrupt` when nothing of the video or of the main audio can be decoded
 */
export async function readFiles(
  context: RunContext,
  files: readonly File[],
  { audio }: Pick<EncodeSettings, 'audio'>,
): Promise<Made[]> {
  const main = files.find((file) => file.audio !== undefined)
  const empty = new Set<File>()
  for (const file of files) if (!(await hasFragments(file.path))) empty.add(file)
  if (files.length > 0 && empty.size === files.length)
    throw new MediadError('input.corrupt', 'nothing in the file can be decoded')
  const made: Made[] = []
  for (const file of files) {
    if (empty.has(file)) {
      if (file.audio === undefined || file === main)
        throw new MediadError('input.corrupt', `none of the ${file.audio ? 'audio' : 'video'} can be decoded`)
      context.warn(`the audio of ${describeTrack(file.audio)} is left out: none of it can be decoded`)
      continue
    }
    if (file.audio && audio.codec === 'opus') await clearPreSkip(file.path)
    const probe = await inspectResult(context, file.path)
    const track = await readTrack(file.path)
    made.push({ ...file, result: withBoxes(probe, track), track })
  }
  return made
}

/** Whether ffmpeg wrote any frame or sample into a fragmented file. */
async function hasFragments(path: string): Promise<boolean> {
  await using file = await open(path)
  return (await readTopBoxes(file)).some(({ type }) => type === 'moof')
}

/** Reads a file again, after it was written again. */
export async function readAgain({
  path,
  result,
}: Pick<Made, 'path' | 'result'>): Promise<Omit<Made, keyof File> & Pick<Made, 'path'>> {
  const track = await readTrack(path)
  return { path, track, result: withBoxes(result, track) }
}

/** ffprobe counts no packets of fragmented files, and shifts their start. */
function withBoxes(probe: Probe, { seconds, samples }: Track): Probe {
  const exact = { durationSeconds: seconds, packetCount: samples }
  return {
    ...probe,
    durationSeconds: seconds,
    video: probe.video && { ...probe.video, ...exact },
    audio: probe.audio && { ...probe.audio, ...exact },
  }
}

/** Names a track for warnings. */
export const describeTrack = ({ index, codec, language = 'und' }: AudioStream): string =>
  `track ${index} (${codec}, ${language})`
