/** The page of a daemon in local mode, from the upload to the presentation that plays: exhaustive. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { buildPage } from '../../.ci/page.ts'
import { chromiumPath, NO_CHROMIUM, openBrowser } from '../helpers/browser.ts'
import { toCachedProgramsPath } from '../helpers/cached-programs.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { openContext, visit, waitForState } from './visit.ts'

const test = suite('page of a daemon', { exhaustive: true })

const toConfig = (http: string) => `
import { bearer, defineConfig, env } from 'mediad'
import { hls, thumbnail, transcode, upload } from 'mediad/plugins'
const poll = '* * * * * *'
export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: 'http://unused', poll },
    inProgress: { url: 'http://unused', poll },
    dead: { url: 'http://unused' },
  },
  http: ${http},
  plugins: [transcode({ renditions: [{ height: 240 }], preset: 'ultrafast' }), hls(), thumbnail(), upload()],
})
`

const cases: Readonly<Record<string, { http: string; token?: string }>> = {
  'without authorization': { http: '{}' },
  'with a bearer token': {
    http: "{ authorize: bearer({ tokens: { 'token-of-the-test-with-32-characters': 'alice' } }) }",
    token: 'token-of-the-test-with-32-characters',
  },
}

if (chromiumPath === null) test.skip('uploads and plays', NO_CHROMIUM)
else
  for (const [name, { http, token }] of Object.entries(cases))
    test(`uploads a video, shows its progress and plays its presentation: ${name}`, async () => {
      await buildPage()
      await using folder = await temporaryFolder()
      const video = join(folder.path, 'holiday.mp4')
      await makeVideo(video, { seconds: 4, width: 640, height: 360 })
      await using daemon = await startMediad(['start', '--local', '--port', '0', '--data', join(folder.path, 'data')], {
        env: { PATH: toCachedProgramsPath() },
        config: toConfig(http),
      })
      const url = await daemon.started(120)
      const browser = await openBrowser()
      try {
        await using visited = await visit(await openContext(browser), `${url}/`)
        const { page } = visited
        if (token !== undefined) {
          await page.getByLabel('Access token').fill(token)
          await page.keyboard.press('Enter')
        }
        await page.setInputFiles('.drop input[type=file]', video)
        await waitForState(page, 'holiday.mp4', 'succeeded')
        await page.locator('.poster img').waitFor()
        await page.getByRole('button', { name: 'Play holiday.mp4' }).click()
        await page.locator('media-play-button').waitFor()
        await page.evaluate('document.querySelector("video").muted = true')
        await page.locator('media-play-button').click()
        const time = 'document.querySelector("video").currentTime'
        await until('the video plays', async () => (await page.evaluate<number>(time)) > 0.3)
        assert.is(await page.evaluate('document.querySelector("video").videoHeight'), 240)
      } finally {
        await browser.close()
      }
    })
