import type { BrowserContext, Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { until } from '../helpers/wait.ts'
import { hash, makeContent, type Content } from './content.ts'
import type { Site, StoredObject } from './site.ts'

/** A file in the page. */
export type PageFile = {
  readonly name: string
  readonly isComplete: boolean
  readonly sentBytes: number
  readonly error: string | null
  /** Key of the object, once it is complete. */
  readonly key: string
  readonly location: string | null
  readonly isGhost: boolean
  readonly isPaused: boolean
  readonly uploadId: string | null
}

export type Client = {
  readonly page: Page
  /** Successful PUTs of parts as `<upload id> <part number>`, in the order of their responses. */
  readonly storedParts: readonly string[]
  /** Number of successful requests of this method whose path ends so. */
  count(method: string, path: RegExp): number
  add(...contents: readonly Content[]): Promise<void>
  /** Calls a function of the page: `start`, `retry`, `cancel`, … */
  call(name: string, ...values: readonly unknown[]): Promise<void>
  files(): Promise<PageFile[]>
  /** Returns the text of what the client has stored in the browser. */
  readSaved(): Promise<string>
  /** Holds back the parts from this number on, starts, and waits until the client is about to send it. */
  startAndHold(part: number): Promise<void>
  waitForError(): Promise<PageFile>
  /** Waits until all files are complete, and returns them. */
  waitUntilComplete(): Promise<PageFile[]>
}

/** Opens a page of the site in a new tab. `multipart` and `retriever` are parameters of the page. */
export async function openClient(
  context: BrowserContext,
  site: Site,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Client> {
  const page = await context.newPage()
  const storedParts: string[] = []
  const succeeded: { method: string; path: string }[] = []
  page.on('response', (response) => {
    const [method, url] = [response.request().method(), new URL(response.url())]
    if (!response.ok()) return
    succeeded.push({ method, path: url.pathname })
    const part = url.searchParams.get('partNumber')
    if (method === 'PUT' && part !== null) storedParts.push(`${url.searchParams.get('uploadId')} ${part}`)
  })
  await page.goto(site.toPageUrl(parameters))
  const evaluate = <T>(expression: string) => page.evaluate(expression) as Promise<T>
  const files = () => evaluate<PageFile[]>('uploads.files()')
  const call: Client['call'] = (name, ...values) =>
    evaluate(`uploads.${name}(${values.map((value) => JSON.stringify(value)).join()})`)
  return {
    page,
    storedParts,
    count: (method, path) => succeeded.filter((one) => one.method === method && path.test(one.path)).length,
    async add(...contents) {
      for (const content of contents) await call('add', content)
    },
    call,
    files,
    readSaved: () => evaluate<string>('uploads.saved()'),
    async startAndHold(part) {
      await call('hold', part)
      await call('start')
      await until(`part ${part} is held`, () => evaluate<number>('uploads.heldParts()'))
    },
    waitForError: () => until('the upload fails', async () => (await files()).find(({ error }) => error !== null)),
    waitUntilComplete: () =>
      until('the upload is complete', async () => {
        const all = await files()
        const failed = all.find(({ error }) => error !== null)
        if (failed) throw new Error(`the upload of ${failed.name} failed: ${failed.error}`)
        return all.length > 0 && all.every(({ isComplete }) => isComplete) ? all : null
      }),
  }
}

/** Asserts that the object of a file has its bytes; returns it. */
export async function assertStored(site: Site, file: PageFile | undefined, content: Content): Promise<StoredObject> {
  if (file === undefined) throw new Error(`the page has no file ${content.name}`)
  const { key } = file
  const stored = await site.read(key)
  assert.is(stored.sha256, await hash(makeContent(content)), key)
  assert.is(stored.contentType, 'video/mp4')
  return stored
}

/** Asserts that each part of one upload was stored exactly once. */
export function assertEachPartOnce({ storedParts }: Client, count: number): void {
  const numbers = storedParts.map((part) => Number(part.split(' ')[1])).toSorted((a, b) => a - b)
  assert.equal(
    numbers,
    Array.from({ length: count }, (_, index) => index + 1),
  )
  assert.is(new Set(storedParts.map((part) => part.split(' ')[0])).size, 1, 'one upload')
}
