/** The states of the page while it uploads, against an endpoint whose answers the tests decide. */
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { chromiumPath, NO_CHROMIUM } from '../helpers/browser.ts'
import { MIB, withPage } from './scene.ts'
import { waitForState } from './visit.ts'

const test = suite('uploads of the page', { exhaustive: true })

const count = (requests: readonly string[], wanted: string) => requests.filter((request) => request === wanted).length

if (chromiumPath === null) test.skip('every state', NO_CHROMIUM)
else {
  test('shows where to drop files, when there is nothing yet', () =>
    withPage(async ({ open }) => {
      await using visited = await open()
      await visited.page.getByText('Nothing here yet').waitFor()
      await visited.check('01-empty')
    }))

  test('uploads several files, pauses, resumes and cancels', () =>
    withPage(async ({ fake, open }) => {
      await using visited = await open()
      const { page, check, choose } = visited
      fake.storage.hold = 'upload-1/2'
      await choose([
        { name: 'holiday.mp4', bytes: 20 * MIB },
        { name: 'small.mp4', bytes: 3 * MIB },
      ])
      await waitForState(page, 'small.mp4', 'sent')
      await waitForState(page, 'holiday.mp4', 'uploading')
      await until('the second part was sent', () => fake.storage.requests.includes('PUT upload-1/2'))
      await check('02-uploading')
      await page.getByRole('button', { name: 'Pause upload of holiday.mp4' }).click()
      await waitForState(page, 'holiday.mp4', 'paused')
      await check('03-paused')
      fake.storage.hold = null
      await page.getByRole('button', { name: 'Resume upload of holiday.mp4' }).click()
      await waitForState(page, 'holiday.mp4', 'sent')
      assert.is(count(fake.storage.requests, 'PUT upload-1/1'), 1)
      fake.storage.hold = 'upload-2/1'
      await choose([{ name: 'mistake.mp4', bytes: 20 * MIB }])
      await page.getByRole('button', { name: 'Cancel upload of mistake.mp4' }).click()
      await waitForState(page, 'mistake.mp4', 'cancelled')
      await until('the upload was aborted', () => !fake.parts.has('upload-2'))
      await check('04-cancelled')
      await page.getByRole('button', { name: 'Remove mistake.mp4 from the list' }).click()
      await page.locator('.item', { hasText: 'mistake.mp4' }).waitFor({ state: 'detached' })
    }))

  test('continues by itself when the connection is back', () =>
    withPage(async ({ fake, open }) => {
      await using visited = await open()
      const { page, context, check, choose } = visited
      fake.storage.hold = 'upload-1/2'
      await choose([{ name: 'holiday.mp4', bytes: 20 * MIB }])
      await until('the second part was sent', () => fake.storage.requests.includes('PUT upload-1/2'))
      await context.setOffline(true)
      fake.storage.hold = null
      await waitForState(page, 'holiday.mp4', 'failed')
      await page.getByText('No connection.').waitFor()
      await check('05-offline')
      await context.setOffline(false)
      await waitForState(page, 'holiday.mp4', 'sent')
      assert.is(count(fake.storage.requests, 'PUT upload-1/1'), 1)
      assert.is(fake.parts.size, 1)
    }))

  test('explains that the storage is down, and tries again', () =>
    withPage(async ({ fake, open }) => {
      await using visited = await open()
      const { page, check, choose } = visited
      fake.storage.refuse = 503
      await choose([{ name: 'holiday.mp4', bytes: MIB }])
      await page.getByText('The storage responded with status 503.').waitFor()
      await check('06-storage-down')
      // the page also tries again by itself
      await page.getByRole('button', { name: 'Try upload of holiday.mp4 again' }).click()
      fake.storage.refuse = null
      await waitForState(page, 'holiday.mp4', 'sent')
    }))

  test('starts an upload over that S3 no longer has', () =>
    withPage(async ({ fake, open }) => {
      await using visited = await open()
      const { page, choose } = visited
      fake.storage.hold = 'upload-1/2'
      await choose([{ name: 'holiday.mp4', bytes: 20 * MIB }])
      await until('the second part was sent', () => fake.storage.requests.includes('PUT upload-1/2'))
      await page.getByRole('button', { name: 'Pause upload of holiday.mp4' }).click()
      await waitForState(page, 'holiday.mp4', 'paused')
      fake.parts.delete('upload-1')
      fake.parts.set('another', [])
      fake.storage.hold = null
      await page.getByRole('button', { name: 'Resume upload of holiday.mp4' }).click()
      await waitForState(page, 'holiday.mp4', 'sent')
      assert.ok(fake.storage.received.has('upload-2/3'))
    }))

  test('continues after a reload, and asks for a file that the browser no longer has', () =>
    withPage(async ({ fake, open }) => {
      await using first = await open()
      const { page, check, choose } = first
      fake.storage.hold = '/2'
      await choose([{ name: 'holiday.mp4', bytes: 20 * MIB }])
      await until('the second part was sent', () => fake.storage.requests.includes('PUT upload-1/2'))
      await until('the browser has stored the upload', () => page.evaluate(isStored))
      fake.storage.hold = null
      await page.reload()
      await waitForState(page, 'holiday.mp4', 'sent')
      assert.is(count(fake.storage.requests, 'PUT upload-1/1'), 1)

      fake.storage.hold = '/2'
      await choose([{ name: 'other.mp4', bytes: 20 * MIB }])
      await until('the second part was sent', () => fake.storage.requests.includes('PUT upload-2/2'))
      await until('the browser has stored the upload', () => page.evaluate(isStored))
      await page.evaluate(deleteBlobs)
      await page.reload()
      await page.locator('.item-status', { hasText: 'choose the file again' }).waitFor()
      await check('07-interrupted')
      fake.storage.hold = null
      await choose([{ name: 'other.mp4', bytes: 20 * MIB }], '.item input[type=file]')
      await waitForState(page, 'other.mp4', 'sent')
    }))

  test('explains why a file is not accepted', () =>
    withPage(async ({ open }) => {
      await using visited = await open()
      const { page, check, choose } = visited
      await choose([{ name: 'empty.mp4', bytes: 0 }])
      await page.getByText('empty.mp4: The file is empty.').waitFor()
      await check('08-refused')
      await page.getByRole('button', { name: 'Dismiss' }).click()
      await page.getByText('The file is empty.').waitFor({ state: 'detached' })
    }))
}

/** Returns whether the memory of uploads has a file and the id of its upload. */
const isStored = `new Promise((resolve) => {
  const request = indexedDB.open('uppy-blobs')
  request.onsuccess = () => {
    const names = [...request.result.objectStoreNames]
    const reads = names.map((name) => new Promise((done) => {
      const all = request.result.transaction(name).objectStore(name).getAll()
      all.onsuccess = () => done(all.result)
    }))
    Promise.all(reads).then((stores) => {
      const records = stores.flat()
      request.result.close()
      resolve(records.some(({ data }) => data instanceof Blob) && JSON.stringify(records).includes('uploadId'))
    })
  }
})`

const deleteBlobs = `new Promise((resolve) => {
  const request = indexedDB.open('uppy-blobs')
  request.onsuccess = () => {
    const name = [...request.result.objectStoreNames].find((store) => !/meta/i.test(store))
    const clear = request.result.transaction(name, 'readwrite').objectStore(name).clear()
    clear.onsuccess = () => { request.result.close(); resolve(true) }
  }
})`
