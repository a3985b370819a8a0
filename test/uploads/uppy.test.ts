/** The stock client, Uppy, in Chromium, against a daemon with its embedded S3. */
import * as assert from 'uvu/assert'
import { chromiumPath, NO_CHROMIUM } from '../helpers/browser.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { assertEachPartOnce, assertStored, openClient, type Client } from './client.ts'
import type { Content } from './content.ts'
import { startSite, type Site } from './site.ts'

const test = suite('Uppy')

const MB = 1_000_000
const small: Content = { name: 'My clip.mp4', sizeBytes: 5 * MB, seed: 1 }
/** Three parts of 5 MiB, the last one smaller. */
const inParts: Content = { name: 'long.mp4', sizeBytes: 12 * MB, seed: 3 }

let site: Site

if (chromiumPath === null) test.skip('uploads small files by a form, and large ones in parts', NO_CHROMIUM)
else {
  test.before(async () => {
    site = await startSite()
  })
  test.after(async () => site[Symbol.asyncDispose]())

  test('uploads a small file by a form', () =>
    withClient({}, async (client) => {
      await client.add(small)
      await client.call('start')
      const [file] = await client.waitUntilComplete()
      const { metadata } = await assertStored(site, file, small)
      assert.is(decodeURIComponent(metadata.filename ?? ''), small.name)
      assert.is(new URL(file?.location ?? '').pathname, `/media/${file?.key}`)
      assert.equal([client.count('POST', /^\/media$/), client.storedParts], [1, []])
    }))

  test('uploads a file in parts', () =>
    withClient({ multipart: '1' }, async (client) => {
      const content = { name: 'two parts.mp4', sizeBytes: 6 * MB, seed: 2 }
      await client.add(content)
      await client.call('start')
      const [file] = await client.waitUntilComplete()
      await assertStored(site, file, content)
      assert.is(new URL(file?.location ?? '').pathname, `/media/${file?.key}`)
      assertEachPartOnce(client, 2)
      assert.equal(await site.openUploads(), [])
    }))

  test.exhaustive('uploads 300 MB in parts without being told to', () =>
    withClient({}, async (client) => {
      const content = { name: 'large.mp4', sizeBytes: 300 * MB, seed: 4 }
      await client.add(content)
      await client.call('start')
      const [file] = await client.waitUntilComplete()
      await assertStored(site, file, content)
      assertEachPartOnce(client, 58)
    }),
  )

  test.exhaustive('uploads several files at once', async () => {
    const contents = [6, 7, 12, 1].map((size, index) => ({
      name: `${index}.mp4`,
      sizeBytes: size * MB,
      seed: 10 + index,
    }))
    for (const parameters of [{ multipart: '1' }, {}])
      await withClient(parameters, async (client) => {
        await client.add(...contents)
        await client.call('start')
        await assertAllStored(client, contents)
      })
  })

  test.exhaustive('uploads in two tabs at once', async () => {
    await using context = await site.browser.newContext()
    const contents = [21, 22].map((seed) => ({ name: 'tab.mp4', sizeBytes: 12 * MB, seed }))
    const clients = await Promise.all(contents.map(() => openClient(context, site, { multipart: '1' })))
    for (const [index, client] of clients.entries()) {
      await client.add(...contents.slice(index, index + 1))
      await client.startAndHold(2)
    }
    await Promise.all(clients.map((client) => client.call('release')))
    for (const [index, client] of clients.entries()) {
      await assertAllStored(client, contents.slice(index, index + 1))
      assertEachPartOnce(client, 3)
    }
  })

  test.exhaustive('a canceled upload is gone from S3', () =>
    withClient({ multipart: '1' }, async (client) => {
      await client.add(inParts)
      await client.startAndHold(3)
      assert.is((await site.openUploads()).length, 1)
      await client.call('cancel')
      await until('the upload is aborted', async () => (await site.openUploads()).length === 0)
      assert.equal(await client.files(), [])
      await client.call('release')
      await until('the client has the response', () => client.count('DELETE', /\/s3\/multipart\//) === 1)
      assert.is(client.count('POST', /\/complete$/), 0)
    }),
  )

  test.exhaustive('continues a paused upload with the parts that are missing', () =>
    withClient({ multipart: '1' }, async (client) => {
      await client.add(inParts)
      await client.startAndHold(2)
      await client.call('pause')
      await client.call('release')
      await client.call('resume')
      await assertAllStored(client, [inParts])
      assertEachPartOnce(client, 3)
    }),
  )
}

async function withClient(parameters: Record<string, string>, body: (client: Client) => Promise<void>): Promise<void> {
  await using context = await site.browser.newContext()
  await body(await openClient(context, site, parameters))
}

async function assertAllStored(client: Client, contents: readonly Content[]): Promise<void> {
  const files = await client.waitUntilComplete()
  assert.is(files.length, contents.length)
  for (const content of contents) {
    const file = files.find(({ name }) => name === content.name)
    await assertStored(site, file, content)
  }
}
