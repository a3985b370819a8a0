import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MediadError, type RunContext, type SubtitleStream } from 'mediad'
import { IMMUTABLE } from '../streaming/rendition.ts'
import { escapeCues } from '../streaming/webvtt.ts'
import { toStartOptions } from './timestamps.ts'

/** Returns the encoders that subtitles need. */
export function toSubtitleEncoders({ subtitles }: { subtitles: 'none' | 'webvtt' }): string[] {
  return subtitles === 'webvtt' ? ['webvtt'] : []
}

type Wanted = { readonly track: SubtitleStream; readonly path: string }

/** Converts each text subtitle track to a WebVTT file. A track that cannot be read is a warning, not an error. */
export async function extractSubtitles(context: RunContext, key: string): Promise<void> {
  const { probe, workspace } = context
  const wanted = probe.subtitles
    .filter(({ isText }) => isText)
    .map((track) => ({ track, path: join(workspace, `subtitles-${randomUUID()}.vtt`) }))
  // all tracks in one run; one run per track only when that fails because of one of them
  const problem = await convert(context, wanted)
  for (const [index, { track, path }] of wanted.entries()) {
    const ownProblem = problem === null ? null : await convert(context, [{ track, path }])
    if (ownProblem !== null) context.warn(`the subtitles of ${describe([track])} cannot be read: ${ownProblem}`)
    else if (await escapeFile(path)) await add(context, { track, path, key, n: index + 1 })
    else context.warn(`the subtitles of ${describe([track])} are empty`)
  }
  const bitmaps = probe.subtitles.filter(({ isText }) => !isText)
  if (bitmaps.length > 0) context.warn(`bitmap subtitles cannot be converted to text: ${describe(bitmaps)}`)
}

/** Escapes the text of cues in a WebVTT file. Returns whether it has any cue. */
async function escapeFile(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8')
  const escaped = escapeCues(text)
  if (escaped !== text) await writeFile(path, escaped)
  return text.includes('-->')
}

/** Converts tracks in one run of ffmpeg. Returns the message of the error; null when it succeeded. */
async function convert(context: RunContext, wanted: readonly Wanted[]): Promise<string | null> {
  if (wanted.length === 0) return null
  const outputs = wanted.map(({ track, path }) => ({ path, options: toOptions(track) }))
  try {
    await context.ffmpeg({ inputOptions: toStartOptions(context.probe), outputs })
    return null
  } catch (error) {
    if (error instanceof MediadError && /^(?:input|internal)\./.test(error.code)) return error.message
    throw error
  }
}

function toOptions({ index }: SubtitleStream): string[] {
  return ['-map', `0:${index}`, '-map_metadata', '-1', '-map_chapters', '-1', '-c:s', 'webvtt', '-f', 'webvtt']
}

async function add({ add }: RunContext, { track, path, key, n }: Wanted & { key: string; n: number }): Promise<void> {
  const { language } = track
  const values = { n, language: language ?? 'und' }
  const isVersioned = key.includes('{version}')
  await add(path, 'subtitles', {
    key,
    contentType: 'text/vtt',
    values,
    language,
    ...(isVersioned && { cacheControl: IMMUTABLE }),
  })
}

function describe(tracks: readonly SubtitleStream[]): string {
  return tracks.map(({ index, codec, language = 'und' }) => `track ${index} (${codec}, ${language})`).join(', ')
}
