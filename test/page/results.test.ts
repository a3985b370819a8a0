/** Jobs on the page: every state of one, the list, the players, and access. */
import * as assert from 'uvu/assert'
import type { Page } from 'playwright-core'
import { ffmpeg, makeVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { chromiumPath, NO_CHROMIUM } from '../helpers/browser.ts'
import { makePresentation } from '../streaming/package.ts'
import { makeResult, MIB, withPage } from './scene.ts'
import { waitForState } from './visit.ts'
import type { FakeEndpoint } from './endpoint.ts'
import { readFile } from 'node:fs/promises'

const test = suite('jobs on the page', { exhaustive: true })

const keyOf = (name: string) => `origin_00000000-0000-4000-8000-000000000000-${name}`

/** Puts the outputs of a real video into the storage. */
async function addVideo({ storage }: FakeEndpoint): Promise<void> {
  await using folder = await temporaryFolder()
  const path = `${folder.path}/video.mp4`
  const image = `${folder.path}/image.jpg`
  await makeVideo(path, { seconds: 3 })
  await ffmpeg(['-i', path, '-frames:v', '1', image])
  storage.files.set('cvted_a.mp4', { body: await readFile(path), contentType: 'video/mp4' })
  storage.files.set('thumb_a.jpg', { body: await readFile(image), contentType: 'image/jpeg' })
}

const currentTime = (page: Page) => page.evaluate<number>('document.querySelector("video, audio").currentTime')

async function play(page: Page): Promise<void> {
  await page.locator('media-play-button').waitFor()
  await page.evaluate('document.querySelector("video, audio").muted = true')
  await page.locator('media-play-button').click()
  await until('the video plays', async () => (await currentTime(page)) > 0.3)
}

if (chromiumPath === null) test.skip('every state', NO_CHROMIUM)
else {
  test('follows an upload from the queue to its MP4, and plays it', () =>
    withPage(async ({ fake, open }) => {
      await addVideo(fake)
      await using visited = await open()
      const { page, check, choose } = visited
      await choose([{ name: 'holiday.mp4', bytes: MIB }])
      await waitForState(page, 'holiday.mp4', 'sent')
      const key = fake.keys.get('holiday.mp4') ?? ''
      fake.setJob(key, { state: 'queued' })
      await waitForState(page, 'holiday.mp4', 'queued')
      await check('10-queued')
      fake.setJob(key, { state: 'processing', progress: { plugin: 'transcode', percent: 42 } })
      await page.locator('.item-status', { hasText: 'Processing 42 %' }).waitFor()
      await check('11-processing')
      const error = { code: 'transient.storage', message: 'S3 did not respond.' }
      fake.setJob(key, { state: 'failed', error })
      await page.locator('.item-status', { hasText: 'Attempt 1 failed' }).waitFor()
      await check('12-retrying')
      fake.setJob(key, makeResult({ error: null }))
      await waitForState(page, 'holiday.mp4', 'succeeded')
      await page.getByRole('status').getByText('holiday.mp4: Ready').waitFor({ state: 'attached' })
      await page.getByRole('button', { name: 'Play holiday.mp4' }).click()
      await play(page)
      await check('13-mp4')
      await page.reload()
      await page.locator('.item', { hasText: 'holiday.mp4' }).waitFor()
    }))

  test('plays a presentation with a menu of qualities, and a storyboard', () =>
    withPage(
      async ({ fake, open }) => {
        await using made = await makePresentation({
          video: { seconds: 8, width: 640, height: 360 },
          transcode: { renditions: [{ height: 360 }, { height: 240 }] },
        })
        await addVideo(fake)
        for (const [path, body] of made.files) {
          const contentType = path.endsWith('.m3u8') ? 'application/vnd.apple.mpegurl' : 'video/mp4'
          fake.storage.files.set(path, { body, contentType })
        }
        const vtt = 'WEBVTT\n\n00:00.000 --> 00:08.000\nthumb_a.jpg#xywh=0,0,160,90\n'
        fake.storage.files.set('storyboard_a.vtt', { body: Buffer.from(vtt), contentType: 'text/vtt' })
        const output = { sizeBytes: 1000, etag: 'e1', seconds: 1 }
        const outputs = [
          { ...output, key: made.master, kind: 'master', contentType: 'application/vnd.apple.mpegurl' },
          { ...output, key: 'thumb_a.jpg', kind: 'thumbnail', contentType: 'image/jpeg' },
          { ...output, key: 'thumb_a.jpg', kind: 'storyboard-image', contentType: 'image/jpeg' },
          { ...output, key: 'storyboard_a.vtt', kind: 'storyboard', contentType: 'text/vtt' },
        ]
        const media = { durationSeconds: 8, width: 640, height: 360, codec: 'h264' }
        const key = keyOf('presentation.mp4')
        fake.setJob(key, makeResult({ outputs, source: { key, sizeBytes: 5 * MIB, media } }))
        for (const token of [null, 'secret']) {
          await using visited = await open()
          const { page, check } = visited
          fake.token = token
          if (token !== null) {
            await page.reload()
            await page.getByLabel('Access token').fill(token)
            await page.getByRole('button', { name: 'Continue' }).click()
          }
          await page.getByRole('button', { name: 'Play presentation.mp4' }).click()
          await play(page)
          const cues = 'document.querySelector("track").track.cues?.length'
          await until('the storyboard is loaded', async () => (await page.evaluate(cues)) === 1)
          const openMenu = async () => {
            await page.locator('video').hover() // controls hide while the video plays
            await page.locator('media-rendition-menu-button').click()
            await page.getByRole('menuitemradio', { name: '240p' }).waitFor()
          }
          await openMenu()
          await page.getByRole('menuitemradio', { name: '240p' }).click()
          await until('the rendition is shown', async () => {
            const height = 'document.querySelector("video").videoHeight'
            return (await page.evaluate(height)) === 240
          })
          await openMenu()
          await check(token === null ? '14-hls' : '15-hls-token')
          assert.is(fake.storage.hasToken, false)
        }
      },
      { http: { files: true } },
    ))

  test('explains in words why a job failed', () =>
    withPage(async ({ fake, open }) => {
      const error = {
        code: 'input.not_media',
        message: 'not a media file (ffprobe found no known container). Upload audio or video.',
      }
      fake.setJob(keyOf('notes.txt.mp4'), { state: 'dead', error })
      await using visited = await open()
      await visited.page.getByText('not a media file').waitFor()
      await visited.page.getByRole('button', { name: 'Details notes.txt.mp4' }).click()
      await visited.page.getByText('input.not_media').waitFor()
      await visited.check('16-dead')
    }))

  test('lists recent jobs, newest first, and more of them on request', () =>
    withPage(async ({ fake, open }) => {
      await addVideo(fake)
      for (let n = 1; n <= 25; n++) fake.setJob(keyOf(`video-${n}.mp4`), makeResult())
      await using visited = await open()
      const { page, check } = visited
      await page.locator('.item', { hasText: 'video-6.mp4' }).waitFor()
      assert.is(await page.locator('.item').count(), 20)
      await check('17-list')
      await page.getByRole('button', { name: 'Show more' }).click()
      await page.getByRole('heading', { name: 'video-1.mp4', exact: true }).waitFor()
      assert.is(await page.locator('.item').count(), 25)
      assert.match(await page.locator('.item').first().innerText(), /video-25/)
    }))

  test('asks for a token when the endpoint requires one, and keeps it in the tab', () =>
    withPage(async ({ fake, open }) => {
      fake.token = 'secret'
      fake.setJob(keyOf('video.mp4'), makeResult())
      await using visited = await open()
      const { page, check, choose } = visited
      await page.getByText('Access required').waitFor()
      await check('18-access')
      await page.getByLabel('Access token').fill('wrong')
      await page.keyboard.press('Enter')
      await page.getByText('The server does not accept this token.').waitFor()
      await check('19-access-refused')
      await page.getByLabel('Access token').fill('secret')
      await page.keyboard.press('Enter')
      await page.locator('.item', { hasText: 'video.mp4' }).waitFor()
      await choose([{ name: 'holiday.mp4', bytes: MIB }])
      await waitForState(page, 'holiday.mp4', 'sent')
      await page.reload()
      await page.locator('.item', { hasText: 'video.mp4' }).waitFor()
      await page.getByRole('button', { name: 'Forget token' }).click()
      await page.getByText('Access required').waitFor()
    }))

  test('can be used with the keyboard alone', () =>
    withPage(async ({ fake, open }) => {
      await addVideo(fake)
      fake.setJob(keyOf('video.mp4'), makeResult())
      await using visited = await open()
      const { page } = visited
      await page.locator('.item', { hasText: 'video.mp4' }).waitFor()
      const focused = () =>
        page.evaluate<string>('document.activeElement.ariaLabel ?? document.activeElement.textContent')
      const chooser = page.waitForEvent('filechooser')
      await page.keyboard.press('Tab')
      assert.is(await focused(), 'Choose files')
      await page.keyboard.press('Enter')
      await chooser
      await page.keyboard.press('Tab')
      assert.is(await focused(), 'Play video.mp4')
      await page.keyboard.press('Enter')
      await page.locator('media-play-button').waitFor()
      assert.is(await focused(), 'Close video.mp4')
      await page.evaluate('document.querySelector("video").muted = true')
      await page.keyboard.press('Tab')
      await page.keyboard.press('k') // the player has the focus, and its shortcuts
      await until('the video plays', async () => (await currentTime(page)) > 0.3)
      await page.getByRole('button', { name: 'Close video.mp4' }).press('Enter')
      await page.locator('media-play-button').waitFor({ state: 'detached' })
    }))
}
