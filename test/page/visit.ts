/** Opens the page in Chromium, and checks what must hold in every state of it. */
import { mkdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { temporaryFolder } from '../helpers/folder.ts'

export type Look = { readonly scheme: 'light' | 'dark'; readonly width: number }

/** The looks in which each state is checked. */
export const looks: readonly Look[] = [
  { scheme: 'light', width: 1200 },
  { scheme: 'dark', width: 360 },
]

export type Visit = AsyncDisposable & {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors in the console, uncaught exceptions and violations of the content security policy. */
  readonly errors: string[]
  /** Checks accessibility in each look, and that nothing is wider than the page. Saves screenshots if the environment names a folder. */
  check(state: string): Promise<void>
  /** Chooses files; `input` is the selector of where, by default that of the page. */
  choose(files: readonly SampleFile[], input?: string): Promise<void>
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const shots = process.env['MEDIAD_PAGE_SHOTS']

/** Slow machines take long for a state to appear; it is not what the tests measure. */
const TIMEOUT_MS = 120_000

/** A request that a test makes fail is reported by the browser as an error; everything else is a defect of the page. */
const isExpected = (text: string) => text.startsWith('Failed to load resource')

export function openContext(browser: Browser): Promise<BrowserContext> {
  return browser.newContext({ viewport: { width: 1200, height: 900 }, reducedMotion: 'reduce' })
}

export async function visit(context: BrowserContext, url: string): Promise<Visit> {
  const folder = await temporaryFolder()
  const page = await context.newPage()
  page.setDefaultTimeout(TIMEOUT_MS)
  const errors: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.text())) errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(url)
  return {
    page,
    context,
    errors,
    check: (state) => checkLooks(page, state),
    async choose(files, input = '.drop input[type=file]') {
      await page.setInputFiles(input, await Promise.all(files.map((file) => makeFile(folder.path, file))))
    },
    async [Symbol.asyncDispose]() {
      await page.close()
      await folder[Symbol.asyncDispose]()
      assert.equal(errors, [])
    },
  }
}

async function checkLooks(page: Page, state: string): Promise<void> {
  for (const { scheme, width } of looks) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 900 })
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))')
    if (shots !== undefined) await saveShot(page, `${state}-${scheme}-${width}`)
    assert.equal(await findViolations(page), [], `${state}, ${scheme}, ${width} px`)
    const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    assert.is(overflow, 0, `${state}: wider than ${width} px`)
  }
  await page.setViewportSize({ width: 1200, height: 900 })
}

async function saveShot(page: Page, name: string): Promise<void> {
  await mkdir(shots ?? '', { recursive: true })
  await page.screenshot({ path: join(shots ?? '', `${name.replaceAll(/\W+/g, '-')}.png`), fullPage: true })
}

/** The tooltips of media-chrome contain both names of a button, "Play" and "Pause", of which one is shown. */
const isOfPlayer = (id: string, html: string) => id === 'label-content-name-mismatch' && html.startsWith('<media-')

type AxeResult = { violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }

/** Returns what axe-core finds to be serious or critical. */
async function findViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = (await page.evaluate('axe.run({ resultTypes: ["violations"] })')) as AxeResult
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes
        .filter(({ html }) => !isOfPlayer(id, html))
        .map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    )
}

/** A file for an upload. Its content is zeros. */
export type SampleFile = { readonly name: string; readonly bytes: number }

async function makeFile(folder: string, { name, bytes }: SampleFile): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, '')
  await truncate(path, bytes)
  await utimes(path, 1, 1) // a file of the same name is the same file
  return path
}

/** Waits until an item is in a state. */
export async function waitForState(page: Page, name: string, state: string): Promise<void> {
  await page.locator(`.item[data-state=${state}]`, { hasText: name }).waitFor()
}
