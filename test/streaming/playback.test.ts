import { writeFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import type { Browser } from 'playwright-core'
import { chromiumPath, NO_CHROMIUM, openBrowser } from '../helpers/browser.ts'
import { ffmpeg } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { play, type Report } from './browser.ts'
import { makePresentation, type PresentationOptions } from './package.ts'

const test = suite('playback in Chromium')

const subtitles = [
  '1',
  '00:00:01,000 --> 00:00:02,500',
  'first',
  '',
  '2',
  '00:00:05,500 --> 00:00:06,500',
  'second',
  '',
].join('\n')

/** Creates a video of 12 s with audio and subtitles. */
async function makeSource(path: string): Promise<void> {
  await writeFile(`${path}.srt`, subtitles)
  const inputs = [
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=640x360:rate=30:duration=12',
    '-f',
    'lavfi',
    '-i',
    'sine=440:duration=12',
  ]
  await ffmpeg([
    ...inputs,
    '-i',
    `${path}.srt`,
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-c:a',
    'aac',
    '-c:s',
    'srt',
    path,
  ])
}

const ladder: PresentationOptions = {
  name: 'source.mkv',
  make: makeSource,
  transcode: { subtitles: 'webvtt', renditions: [{ height: 360 }, { height: 240 }] },
}

/** Each combination of codecs that Chromium plays, encoded fast. */
const codecs: Record<string, PresentationOptions> = {
  'H.264 and AAC': ladder,
  'AV1 and Opus': {
    ...ladder,
    transcode: { ...ladder.transcode, codec: 'av1', preset: 12, audio: { codec: 'opus' } },
  },
  'VP9 and Opus': {
    ...ladder,
    transcode: { ...ladder.transcode, codec: 'vp9', preset: 5, audio: { codec: 'opus' } },
  },
}

function assertPlayed(report: Report, heights: readonly number[]): void {
  assert.equal(report.errors, [])
  assert.equal(report.failed, [])
  assert.is(report.stalls, 0)
  assert.equal(report.heights, heights)
  assert.ok(
    report.played.every((seconds) => seconds >= 0.5),
    report.played.join(),
  )
  assert.ok(report.ended)
  assert.ok(Math.abs(report.duration - 12) < 0.1, String(report.duration))
  assert.ok(report.audioBytes > 0)
}

/** Opens Chromium for one test: the runner requires that no process is left. */
async function withBrowser(run: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await openBrowser()
  try {
    await run(browser)
  } finally {
    await browser.close()
  }
}

if (chromiumPath === null) test.skip('plays every level', NO_CHROMIUM)
else {
  test('hls.js plays the renditions, and shows captions on time', async () => {
    await using made = await makePresentation(ladder)
    await withBrowser(async (browser) => {
      const plan = [
        { height: 360, seconds: 0.6 },
        { height: 240, seek: 5, seconds: 0.6 },
      ]
      const report = await play(browser, { files: made.files, key: made.master, player: 'hls', plan, captions: true })
      assertPlayed(report, [360, 240])
      // the times of the source, whose video starts 0.02 s late
      const cues = report.cues.map(([start, end, text]) => `${start.toFixed(1)} ${end.toFixed(1)} ${text}`)
      assert.equal([...new Set(cues)].toSorted(), ['1.0 2.5 first', '5.5 6.5 second'])
    })
  })

  for (const [name, options] of Object.entries(codecs))
    test.exhaustive(`each player plays and switches every level, and seeks: ${name}`, async () => {
      await using made = await makePresentation(options)
      const plan = [
        { height: 360, seconds: 1 },
        { height: 240, seconds: 1 },
        { height: 360, seek: 9, seconds: 1 },
        { seek: 2.5, seconds: 1 },
      ]
      await withBrowser(async (browser) => {
        for (const player of ['hls', 'dash'] as const) {
          const key = player === 'dash' ? made.manifest : made.master
          assertPlayed(
            await play(browser, { files: made.files, key, player, plan, captions: true }),
            [360, 240, 360, 360],
          )
        }
        const seeks = [{ seconds: 1 }, { seek: 9, seconds: 1 }, { seek: 2.5, seconds: 1 }]
        const report = await play(browser, { files: made.files, key: made.master, player: 'native', plan: seeks })
        assertPlayed({ ...report, heights: [] }, [])
      })
    })
}
