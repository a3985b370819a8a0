import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MediadError, type RunContext, type SubtitleStream } from '../daemon/index.ts'
import { toStartOptions } from './time.ts'

/** Makes a WebVTT file of each subtitle track that is text. A track that cannot be read is a warning: the film is fine. */
export async function extractSubtitles(context: RunContext, key: string): Promise<void> {
  const { probe, workspace } = context
  for (const [index, track] of probe.subtitles.filter(({ isText }) => isText).entries()) {
    const path = join(workspace, `subtitles-${randomUUID()}.vtt`)
    if (!(await extract(context, track, path))) continue
    const values = { n: index + 1, language: track.language ?? 'und' }
    await context.add(path, 'subtitles', { key, contentType: 'text/vtt', values })
  }
  const pictures = probe.subtitles.filter(({ isText }) => !isText)
  if (pictures.length > 0) context.warn(`subtitles that are pictures cannot become text: ${describe(pictures)}`)
}

/** Whether there is a file with something to read in it. */
async function extract(context: RunContext, track: SubtitleStream, path: string): Promise<boolean> {
  const options = [
    '-map',
    `0:${track.index}`,
    '-map_metadata',
    '-1',
    '-map_chapters',
    '-1',
    '-c:s',
    'webvtt',
    '-f',
    'webvtt',
  ]
  try {
    await context.ffmpeg({ inputOptions: toStartOptions(context.probe), outputs: [{ path, options }] })
  } catch (error) {
    if (!(error instanceof MediadError && /^(?:input|internal)\./.test(error.code))) throw error
    context.warn(`the subtitles of ${describe([track])} cannot be read: ${error.message}`)
    return false
  }
  const hasText = (await readFile(path, 'utf8')).includes('-->')
  if (!hasText) context.warn(`the subtitles of ${describe([track])} are empty`)
  return hasText
}

function describe(tracks: readonly SubtitleStream[]): string {
  return tracks.map(({ index, codec, language = 'und' }) => `track ${index} (${codec}, ${language})`).join(', ')
}
