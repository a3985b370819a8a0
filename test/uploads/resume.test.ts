/** What Uppy uploads after a failure, in Chromium, against a daemon with its embedded S3. */
import type { BrowserContext } from 'playwright-core'
import * as assert from 'uvu/assert'
import { chromiumPath, NO_CHROMIUM } from '../helpers/browser.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { assertEachPartOnce, assertStored, openClient, type Client } from './client.ts'
import type { Content } from './content.ts'
import { startSite, type Site } from './site.ts'

const test = suite('Uppy after a failure', { exhaustive: true })

const MB = 1_000_000
/** Six parts of 5 MiB, the last one smaller. Above the 10 MiB that the client stores for a reload. */
const video: Content = { name: 'video.mp4', sizeBytes: 30 * MB, seed: 1 }
/** Two parts. The client can store it for a reload. */
const clip: Content = { name: 'clip.mp4', sizeBytes: 8 * MB, seed: 2 }

let site: Site

if (chromiumPath === null) test.skip('continues with the parts that are missing', NO_CHROMIUM)
else {
  test.before(async () => {
    site = await startSite()
  })
  test.after(async () => site[Symbol.asyncDispose]())

  test('continues after the connection was lost between two parts', () =>
    withClient({ multipart: '1' }, async (client, context) => {
      await client.add(video)
      await client.startAndHold(3)
      await context.setOffline(true)
      await client.call('release')
      await client.waitForError()
      assert.is(client.storedParts.length, 2)
      await context.setOffline(false)
      await client.call('retry')
      await assertUploaded(client, video, 6)
    }))

  test('continues after the connection was lost within a part', () =>
    withClient({ multipart: '1' }, async (client, context) => {
      await client.add(video)
      await client.startAndHold(3)
      const network = await context.newCDPSession(client.page)
      const emulate = (offline: boolean, uploadThroughput: number) => {
        const conditions = { offline, latency: 0, downloadThroughput: -1, uploadThroughput }
        return network.send('Network.emulateNetworkConditions', conditions)
      }
      await emulate(false, MB / 2)
      await client.call('release')
      await until('a part is being sent', async () => ((await client.files())[0]?.sentBytes ?? 0) > 11 * MB)
      await emulate(true, -1)
      await client.waitForError()
      await emulate(false, -1)
      await client.call('retry')
      await assertUploaded(client, video, 6)
    }))

  test('continues after the daemon and S3 were killed and started again', () =>
    withClient({ multipart: '1' }, async (client) => {
      await client.add(video)
      await client.startAndHold(4)
      await site.kill()
      await client.call('release')
      await client.waitForError()
      await site.restart()
      await client.call('retry')
      await assertUploaded(client, video, 6)
    }))

  test('continues after a reload of the page, with a file that the client has stored', () =>
    withClient({ multipart: '1', retriever: '1' }, async (client) => {
      await client.add(clip)
      await client.startAndHold(2)
      await reload(client, (file) => file.uploadId !== null && !file.isGhost)
      await client.call('restore')
      await assertUploaded(client, clip, 2)
    }))

  test('continues after a reload of the page, with a file that the user selects again', () =>
    withClient({ multipart: '1', retriever: '1' }, async (client) => {
      await client.add(video)
      await client.startAndHold(4)
      await reload(client, (file) => file.uploadId !== null && file.isGhost)
      await client.add(video)
      await client.call('restore')
      await assertUploaded(client, video, 6)
    }))

  test('completes once when the response to the completion is lost', () =>
    withClient({ multipart: '1' }, async (client, context) => {
      await context.route(
        '**/complete?*',
        async (route) => {
          assert.is((await route.fetch()).status(), 200)
          await route.abort('connectionreset')
        },
        { times: 1 },
      )
      await client.add(clip)
      await client.call('start')
      const { uploadId } = await client.waitForError()
      assert.ok(uploadId)
      await client.call('retry')
      await assertUploaded(client, clip, 2)
      assert.is(client.count('POST', /\/complete$/), 1)
    }))

  test('uploads a small file again after the connection was lost', () =>
    withClient({}, async (client, context) => {
      await context.setOffline(true)
      await client.add(clip)
      await client.call('start')
      await client.waitForError()
      await context.setOffline(false)
      await client.call('retry')
      const [file] = await client.waitUntilComplete()
      await assertStored(site, file, clip)
    }))
}

async function withClient(
  parameters: Record<string, string>,
  body: (client: Client, context: BrowserContext) => Promise<void>,
): Promise<void> {
  await using context = await site.browser.newContext()
  await body(await openClient(context, site, parameters), context)
}

/** Reloads the page once the client has stored the state of the upload, and waits until it is restored. */
async function reload(client: Client, isRestored: (file: Awaited<ReturnType<Client['files']>>[number]) => boolean) {
  const [file] = await client.files()
  await until('the client has stored its state', async () => (await client.readSaved()).includes(file?.uploadId ?? '-'))
  await client.page.reload()
  await until('the client restores the file', async () => (await client.files()).some(isRestored))
}

/** Asserts that the only file of the page is complete, by one upload whose parts were each stored once. */
async function assertUploaded(client: Client, content: Content, parts: number): Promise<void> {
  const [file] = await client.waitUntilComplete()
  await assertStored(site, file, content)
  assertEachPartOnce(client, parts)
  assert.is(client.count('POST', /\/s3\/multipart$/), 1)
  assert.not.ok((await site.openUploads()).includes(file?.key ?? ''))
}
