/** A page in Chromium on an endpoint whose answers the test decides. */
import type { BrowserContext } from 'playwright-core'
import { buildPage } from '../../.ci/page.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { openBrowser } from '../helpers/browser.ts'
import { startFakeEndpoint, type FakeEndpoint, type FakeOptions } from './endpoint.ts'
import { openContext, visit, type Visit } from './visit.ts'

export const MIB: number = 2 ** 20

export type Scene = {
  readonly fake: FakeEndpoint
  /** Opens the page. `context`: in the browser profile of an earlier visit. */
  open(context?: BrowserContext): Promise<Visit>
}

/** Builds the page, starts an endpoint and Chromium, and ends them: the runner requires that no process is left. */
export async function withPage(run: (scene: Scene) => Promise<void>, options: FakeOptions = {}): Promise<void> {
  await using folder = await temporaryFolder()
  const pageFolder = `${folder.path}/page`
  await buildPage(pageFolder)
  await using fake = await startFakeEndpoint(pageFolder, options)
  const browser = await openBrowser()
  try {
    await run({ fake, open: async (context) => visit(context ?? (await openContext(browser)), fake.url) })
  } finally {
    await browser.close()
  }
}

/** Fields of a job that succeeded with one MP4 and a thumbnail. */
export function makeResult(change: Record<string, unknown> = {}): Record<string, unknown> {
  const media = { format: 'mov,mp4', codec: 'h264', audioCodec: 'aac', width: 1920, height: 1080, framesPerSecond: 25 }
  const output = { sizeBytes: 2_345_678, etag: 'e1', seconds: 1.5 }
  return {
    state: 'succeeded',
    progress: { plugin: null, percent: 100 },
    outputs: [
      {
        ...output,
        key: 'cvted_a.mp4',
        kind: 'video',
        contentType: 'video/mp4',
        media: { ...media, durationSeconds: 12 },
      },
      {
        ...output,
        key: 'thumb_a.jpg',
        kind: 'thumbnail',
        contentType: 'image/jpeg',
        media: { format: 'jpeg', width: 1920, height: 1080 },
      },
    ],
    warnings: [{ plugin: 'transcode', message: 'HDR was tone-mapped to SDR.' }],
    timings: {
      startedAt: '2026-01-01T12:00:00.000Z',
      endedAt: '2026-01-01T12:00:09.000Z',
      plugins: [
        { plugin: 'transcode', seconds: 8.2, cpuSeconds: 15 },
        { plugin: 'thumbnail', seconds: 0.4, cpuSeconds: 0.3 },
      ],
    },
    ...change,
  }
}
