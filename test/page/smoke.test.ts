/** One upload on the page in Chromium, from the file to the video that plays. The other states: `npm run test:all`. */
import { suite } from '../helpers/suite.ts'
import { chromiumPath, NO_CHROMIUM } from '../helpers/browser.ts'
import { makeResult, withPage } from './scene.ts'
import { waitForState } from './visit.ts'

const test = suite('page')

if (chromiumPath === null) test.skip('uploads a file', NO_CHROMIUM)
else
  test('uploads a file, shows its job, and loads the player when the result is opened', () =>
    withPage(async ({ fake, open }) => {
      await using visited = await open()
      const { page, choose } = visited
      await choose([{ name: 'holiday.mp4', bytes: 1000 }])
      await waitForState(page, 'holiday.mp4', 'sent')
      fake.setJob(fake.keys.get('holiday.mp4') ?? '', makeResult())
      await waitForState(page, 'holiday.mp4', 'succeeded')
      await page.getByRole('button', { name: 'Play holiday.mp4' }).click()
      await page.locator('media-play-button').waitFor()
    }))
