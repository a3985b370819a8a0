import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MediadError, type RunContext, type SubtitleStream } from 'mediad'
import { toStartOptions } from './timestamps.ts'

/** Encoders that subtitles need. */
export function toSubtitleEncoders({ subtitles }: { subtitles: 'none' | 'webvtt' }): string[] {
  return subtitles === 'webvtt' ? ['webvtt'] : []
}

type Wanted = { readonly track: SubtitleStream; readonly path: string }

/** Makes a WebVTT file of each subtitle track that is text. A track that cannot be read is a warning: the film is fine. */
export async function extractSubtitles(context: RunContext, key: string): Promise<void> {
  const { probe, workspace } = context
  const wanted = probe.subtitles
    .filter(({ isText }) => isText)
    .map((track) => ({ track, path: join(workspace, `subtitles-${randomUUID()}.vtt`) }))
  // all in one reading of the source; one by one only when one of them spoils it for the others
  const problem = await extract(context, wanted)
  for (const [index, { track, path }] of wanted.entries()) {
    const mine = problem === null ? null : await extract(context, [{ track, path }])
    if (mine !== null) context.warn(`the subtitles of ${describe([track])} cannot be read: ${mine}`)
    else if (!(await readFile(path, 'utf8')).includes('-->'))
      context.warn(`the subtitles of ${describe([track])} are empty`)
    else await add(context, { track, path, key, n: index + 1 })
  }
  const pictures = probe.subtitles.filter(({ isText }) => !isText)
  if (pictures.length > 0) context.warn(`subtitles that are pictures cannot become text: ${describe(pictures)}`)
}

/** What went wrong; null when nothing did. */
async function extract(context: RunContext, wanted: readonly Wanted[]): Promise<string | null> {
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
  await add(path, 'subtitles', { key, contentType: 'text/vtt', values: { n, language: track.language ?? 'und' } })
}

function describe(tracks: readonly SubtitleStream[]): string {
  return tracks.map(({ index, codec, language = 'und' }) => `track ${index} (${codec}, ${language})`).join(', ')
}
