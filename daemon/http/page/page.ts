import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HTTPResponse, type EventHandler } from 'h3'
import type { Config } from '../../config/config.ts'
import type { PresignGet } from '../../storage/presign.ts'
import type { PageSettings } from './settings.ts'
import { problemError } from '../problem.ts'
import type { HttpRoute } from '../route.ts'
import { toUploadBounds } from '../uploads/bounds.ts'
import { bundleFolder, createBundle, type BundledFile, type OpenBundle } from './bundle.ts'
import { renderDocument, renderMissing, toContentSecurityPolicy } from './document.ts'

export type PageDeps = {
  config: Pick<Config, 'http' | 'limits'>
  presignGet: PresignGet
  /** Folder of the files of the page; default: where `npm run build:page` writes them. */
  pageFolder?: string
}

/** The routes of the page: its document, and the scripts and styles that it loads. They contain nothing secret. */
export function pageRoutes(deps: PageDeps): readonly HttpRoute[] {
  const folder = deps.pageFolder ?? bundleFolder
  const openBundle = createBundle(folder)
  return [
    { method: 'GET', path: '/', access: 'public', operation: null, handler: documentHandler(deps, openBundle) },
    { method: 'GET', path: '/page/:file', access: 'public', operation: null, handler: fileHandler(folder, openBundle) },
  ]
}

/** Headers of HTML, which the browser keeps and revalidates. A page of another origin gets no handle to its window. */
const htmlHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
}

function documentHandler({ config, presignGet }: PageDeps, openBundle: OpenBundle): EventHandler {
  const settings = toPageSettings(config)
  const findStorage = createStorageOrigin(presignGet)
  return async ({ req }) => {
    const bundle = await openBundle()
    if (bundle === null) return new HTTPResponse(renderMissing(), { status: 404, headers: htmlHeaders })
    const { html, etag } = renderDocument(bundle, settings)
    const policy = toContentSecurityPolicy(await findStorage())
    const headers = { ...htmlHeaders, etag, 'content-security-policy': policy }
    const isKnown = req.headers.get('if-none-match')?.includes(etag) === true
    return isKnown ? new HTTPResponse(null, { status: 304, headers }) : new HTTPResponse(html, { headers })
  }
}

/** Returns the origin of presigned URLs, which depends on the bucket, the region and the endpoint of the SDK. */
function createStorageOrigin(presignGet: PresignGet): () => Promise<string> {
  let origin: string | undefined
  return async () => (origin ??= new URL(await presignGet('origin')).origin)
}

function toPageSettings(config: PageDeps['config']): PageSettings {
  const { multipartBytes, singleBytes } = toUploadBounds(config)
  const { uploads, files, outputUrls } = config.http
  return {
    maxUploadBytes: multipartBytes,
    maxSingleBytes: singleBytes,
    accept: uploads.contentTypes ?? uploads.extensions?.map((extension) => `.${extension}`) ?? [],
    files,
    outputUrls,
  }
}

/** The content of a file never changes: its name contains its hash. */
const fileHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'public, max-age=31536000, immutable',
  vary: 'accept-encoding',
}

/** Serves the files that the bundle lists, and no others, compressed if the client accepts it. */
function fileHandler(folder: string, openBundle: OpenBundle): EventHandler {
  return async ({ context, req }) => {
    const bundle = await openBundle()
    const file = bundle?.files.find(({ name }) => name === context.params?.file)
    if (file === undefined) {
      const detail = 'There is no such file. The page was updated: load it again.'
      throw problemError({ status: 404, detail, code: 'request.not_found' })
    }
    const encoding = chooseEncoding(file, req.headers.get('accept-encoding') ?? '')
    const body = await readFile(join(folder, encoding ? `${file.name}.${encoding}` : file.name))
    const headers = {
      ...fileHeaders,
      'content-type': file.contentType,
      ...(encoding && { 'content-encoding': names[encoding] ?? encoding }),
    }
    return new HTTPResponse(body, { headers })
  }
}

/** Content codings by the extension of the compressed file. */
const names: Readonly<Record<string, string>> = { br: 'br', gz: 'gzip' }

function chooseEncoding({ encodings }: BundledFile, accepted: string): string | undefined {
  const codings = new Set(accepted.split(',').map((coding) => coding.trim().toLowerCase()))
  // a coding with the weight 0 is refused: it is not equal to its plain name
  return encodings.find((extension) => codings.has(names[extension] ?? extension))
}
