/** Makes presentations with the real plugins and ffmpeg. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { dash, hls, transcode } from '../../plugins/index.ts'
import { createTestContext, type TestContext } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo, type VideoOptions } from '../helpers/media.ts'
import type { Files } from './read.ts'

export type Presentation = {
  readonly files: Map<string, Buffer>
  readonly master: string
  readonly manifest: string
  readonly context: TestContext
  /** Path of the source. */
  readonly source: string
} & AsyncDisposable

export type PresentationOptions = {
  /** Options of `transcode` besides `renditions: 'auto'`. */
  transcode?: Parameters<typeof transcode>[0]
  segmentSeconds?: number
  video?: VideoOptions
  /** Makes the source; default: `makeVideo` with `video`. */
  make?: (path: string) => Promise<void>
  /** Name of the source, whose extension chooses its container. */
  name?: string
}

/** Runs `transcode`, `hls` and `dash` on a source. The folder is removed with the result. */
export async function makePresentation(options: PresentationOptions = {}): Promise<Presentation> {
  const folder = await temporaryFolder()
  const source = join(folder.path, options.name ?? 'source.mp4')
  await (options.make ?? ((path: string) => makeVideo(path, options.video)))(source)
  const context = await createTestContext({ input: source, workspace: folder.path, stallSeconds: 120 })
  const { segmentSeconds = 6 } = options
  const chain = [
    transcode({ renditions: 'auto', preset: 'ultrafast', ...options.transcode }),
    hls({ segmentSeconds }),
    dash(),
  ]
  for (const plugin of chain) {
    assert.equal(plugin.problems, [])
    await plugin.hooks.run(context)
  }
  const files = new Map<string, Buffer>()
  for (const { key, path } of context.artifacts) files.set(key, await readFile(path))
  return {
    files,
    master: 'hls_video/master.m3u8',
    manifest: 'hls_video/manifest.mpd',
    context,
    source,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** Returns a copy of a presentation with the text of one kind of files changed. */
export function changeText(files: Files, pattern: RegExp, change: (text: string) => string): Files {
  return new Map(
    Array.from(
      files,
      ([key, bytes]) => [key, pattern.test(key) ? Buffer.from(change(bytes.toString())) : bytes] as const,
    ),
  )
}
