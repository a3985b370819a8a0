/** A daemon with its embedded S3, and a site of another origin whose page uploads with the stock client. */
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import type { Readable } from 'node:stream'
import { openBrowser } from '../helpers/browser.ts'
import { toCachedProgramsPath } from '../helpers/cached-programs.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { disposeOnError } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { startMediad, type Mediad } from '../helpers/process.ts'
import { hash } from './content.ts'

const root = join(import.meta.dirname, '../..')

/**
 * Folder with another version of the client in its `node_modules`. The versions cannot be installed side by side, so the
 * tests run with 6.x; with 5.x they run by hand.
 */
const clientFolder = process.env.MEDIAD_TEST_UPPY ?? root

export type StoredObject = { sha256: string; contentType: string | undefined; metadata: Record<string, string> }

export type Site = {
  readonly browser: Browser
  /** URL of the page; parameters select what it does. */
  toPageUrl(parameters: Readonly<Record<string, string>>): string
  /** Kills the daemon with its S3, like the crash of a machine. */
  kill(): Promise<void>
  /** Starts the daemon with the data and on the port of the one that was killed. */
  restart(): Promise<void>
  read(key: string): Promise<StoredObject>
  /** Keys of the multipart uploads that are not completed. */
  openUploads(): Promise<string[]>
} & AsyncDisposable

export async function startSite(): Promise<Site> {
  const opened = new AsyncDisposableStack()
  return disposeOnError(opened, openSite(opened))
}

async function openSite(opened: AsyncDisposableStack): Promise<Site> {
  const folder = opened.use(await temporaryFolder())
  const pageUrl = await servePage(await bundlePage(), opened)
  const start = async (port: string) => {
    const data = join(folder.path, 'data')
    const started = opened.use(
      await startMediad(['start', '--local', '--port', port, '--data', data], {
        env: { PATH: toCachedProgramsPath() },
        config: { name: 'media.config.mjs', text: toConfigText(pageUrl) },
      }),
    )
    await started.started(120)
    return started
  }
  let daemon: Mediad = await start('0')
  const { url } = daemon
  let client = await connect(daemon)
  opened.defer(() => client.destroy())
  const browser = await openBrowser()
  opened.defer(() => browser.close())
  return {
    browser,
    toPageUrl: (parameters) => `${pageUrl}/?${new URLSearchParams({ endpoint: url, ...parameters })}`,
    kill: () => daemon.kill(),
    async restart() {
      daemon = await start(new URL(url).port)
      client.destroy()
      client = await connect(daemon)
    },
    async read(key) {
      const at = { Bucket: BUCKET, Key: key }
      const { Body } = await client.send(new GetObjectCommand(at))
      const { ContentType, Metadata = {} } = await client.send(new HeadObjectCommand(at))
      return { sha256: await hash(Body as Readable), contentType: ContentType, metadata: Metadata }
    },
    async openUploads() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
      return Uploads.map(({ Key = '' }) => Key)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Bundles the page with the client as a page of a user does. */
async function bundlePage(): Promise<string> {
  const load = createRequire(join(clientFolder, 'package.json'))
  const { version } = load('@uppy/aws-s3/package.json') as { version: string }
  const option = Number(version.split('.')[0]) < 6 ? 'endpoint' : 'companionEndpoint'
  const page = join(import.meta.dirname, 'page/uppy.js')
  const { outputFiles } = await build({
    stdin: { contents: await readFile(page, 'utf8'), resolveDir: clientFolder, sourcefile: page },
    bundle: true,
    write: false,
    format: 'iife',
    define: { ENDPOINT_OPTION: JSON.stringify(option) },
    logLevel: 'silent',
  })
  return outputFiles[0]?.text ?? ''
}

async function servePage(script: string, opened: AsyncDisposableStack): Promise<string> {
  const server: Server = createServer((request, response) => {
    const isPage = request.url?.startsWith('/?') === true
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript')
    response.end(isPage ? '<!doctype html><title>uploads</title><script src="/page.js"></script>' : script)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.defer(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function connect(daemon: Mediad): Promise<S3Client> {
  const { s3 } = await daemon.waitFor('local.started')
  return new S3Client({
    endpoint: String(s3),
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
  })
}

/** The daemon takes no jobs: what is uploaded is not media. */
function toConfigText(origin: string): string {
  const never = '0 0 0 1 1 *'
  return `
import { defineConfig } from 'mediad'
import { upload } from 'mediad/plugins'
export default defineConfig({
  bucket: '${BUCKET}',
  queues: {
    work: { url: 'http://unused', poll: '${never}' },
    inProgress: { url: 'http://unused', poll: '${never}' },
    dead: { url: 'http://unused' },
  },
  http: { cors: ['${origin}'] },
  plugins: [upload()],
})
`
}
