/** `mediad/client` in Chromium: bundled, on a page of another origin than the endpoint and the bucket. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { chromiumPath, NO_CHROMIUM, openBrowser } from '../helpers/browser.ts'
import { makeLargeVideo } from '../helpers/client.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const root = join(import.meta.dirname, '../..')
const MiB = 2 ** 20
const PART_BYTES = 5 * MiB
/** The size in docs/client.md, rounded up. */
const MAX_BUNDLE_BYTES = 15_500

/** What the page does: `uploadVideo` uploads a file of three parts, one after the other, and calls `onCall` before each request to mediad. */
const script = `
import { createClient } from 'mediad/client'
let calls = 0
globalThis.uploadVideo = async (endpoint, state) => {
  const file = new File([await (await fetch('/video.mp4')).blob()], 'video.mp4', { type: 'video/mp4', lastModified: 1 })
  const client = createClient({ endpoint, headers: async () => (await onCall(++calls), {}) })
  const sent = []
  const upload = client.upload(file, {
    multipartAboveBytes: 0,
    partBytes: ${PART_BYTES},
    parallel: 1,
    state,
    onState: (state) => localStorage.setItem('upload', JSON.stringify(state)),
    onProgress: ({ sentBytes }) => sent.push(sentBytes),
  })
  const result = await upload.done
  const types = []
  for await (const { type } of client.watch(result)) types.push(type)
  return { ...result, size: file.size, sent, types }
}
globalThis.uploadText = async (endpoint) => {
  const client = createClient({ endpoint })
  const sent = []
  const upload = client.upload(new File(['text'], 'a.mp4'), { onProgress: ({ sentBytes }) => sent.push(sentBytes) })
  return [sent, await client.wait(await upload.done).catch(({ name, code }) => [name, code])]
}`

const test = suite('client in a browser', { exhaustive: true })

type Report = { key: string; size: number; sent: number[]; types: string[] }

if (chromiumPath === null) test.skip('uploads', NO_CHROMIUM)
else
  test('uploads with progress, waits while it is offline, and continues after a reload', async () => {
    const { outputFiles } = await bundle()
    const [code] = outputFiles
    const size = await measureClient()
    process.stdout.write(`  the minified client has ${size} bytes\n`)
    assert.ok(size < MAX_BUNDLE_BYTES)
    const server = await servePage(code?.text ?? '', await makeLargeVideo())
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await using mediad = await startMediad(['start', '--local', '--port', '0'], { config: toConfig(origin) })
    const endpoint = await mediad.started()
    const browser = await openBrowser()
    try {
      const page = await browser.newPage()
      const refused: string[] = []
      page.on('console', (message) => {
        if (/unsafe header/i.test(message.text())) refused.push(message.text())
      })
      await testOffline(page, { origin, endpoint })
      await testReload(page, endpoint)
      const text = await page.evaluate(`uploadText('${endpoint}')`)
      assert.equal(text, [[4], ['JobDeadError', 'input.not_media']])
      assert.equal(refused, [])
    } finally {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    assert.is(await mediad.stop(), 0)
  })

/** The third request to mediad, which signs the second part, finds the browser offline. */
async function testOffline(page: Page, { origin, endpoint }: { origin: string; endpoint: string }): Promise<void> {
  let onCall = async (call: number) => {
    if (call === 3) await page.context().setOffline(true)
  }
  await page.exposeFunction('onCall', (call: number) => onCall(call))
  await page.goto(origin)
  const uploading = page.evaluate(`uploadVideo('${endpoint}')`)
  await until('the page is offline', () => page.evaluate('!navigator.onLine'))
  onCall = async () => {}
  await page.context().setOffline(false)
  const { size, sent, types } = (await uploading) as Report
  assert.is(sent.at(-1), size)
  for (const [at, bytes] of sent.entries()) assert.ok(bytes >= (sent[at - 1] ?? 0) - PART_BYTES)
  assert.is(types.at(-1), 'succeeded')
}

/** The page is loaded again while it requests the URL of the second part, and continues with the state that it stored. */
async function testReload(page: Page, endpoint: string): Promise<void> {
  const puts: string[] = []
  page.on('request', (request) => {
    if (request.method() !== 'PUT') return
    puts.push(`${request.resourceType()} ${new URL(request.url()).searchParams.get('partNumber')}`)
  })
  await page.reload()
  await page.evaluate(
    `globalThis.onCall = (call) => call === 3 ? new Promise(() => (globalThis.isAtThird = true)) : {}`,
  )
  void page.evaluate(`uploadVideo('${endpoint}')`).catch(() => {}) // the page goes away
  await until('the second part is next', () => page.evaluate('globalThis.isAtThird'))
  await page.reload()
  const state = await page.evaluate(`localStorage.getItem('upload')`)
  const { key } = (await page.evaluate(`uploadVideo('${endpoint}', ${String(state)})`)) as Report
  assert.equal(puts, ['xhr 1', 'xhr 2', 'xhr 3']) // these requests report their progress
  assert.is(key, (JSON.parse(String(state)) as Report).key)
}

function bundle() {
  return build({
    stdin: { contents: script, resolveDir: root },
    conditions: ['source'],
    bundle: true,
    format: 'esm',
    write: false,
  })
}

async function measureClient(): Promise<number> {
  const options = { bundle: true, minify: true, format: 'esm', target: 'es2022', write: false } as const
  const { outputFiles } = await build({ entryPoints: [join(root, 'daemon/client/index.ts')], ...options })
  return outputFiles[0]?.contents.length ?? Infinity
}

async function servePage(code: string, video: Buffer): Promise<Server> {
  const server = createServer(({ url }, response) => {
    if (url === '/video.mp4') return void response.end(video)
    response.setHeader('content-type', 'text/html')
    return void response.end(`<!doctype html><title>test</title><script type="module">${code}</script>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const toConfig = (origin: string) => `
import { defineConfig, env } from 'mediad'
import { thumbnail, upload } from 'mediad/plugins'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  http: { cors: ['${origin}'] },
  plugins: [thumbnail(), upload()],
})
`
