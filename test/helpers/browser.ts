/** Starts Chromium without a window, for the tests that need a browser. */
import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

/** Path of Chromium; null when it is not installed. */
export const chromiumPath: string | null =
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path)) ?? null

/** Reason of the tests that are skipped without Chromium. */
export const NO_CHROMIUM = 'Chromium is not installed: apt-get install chromium'

/** Close it at the end of each test file: the runner requires that no process is left. */
export function openBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required']
  return chromium.launch({ executablePath: chromiumPath ?? '', args })
}
