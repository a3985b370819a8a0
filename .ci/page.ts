/**
 * Bundles the page of `daemon/page` for browsers: `npm run build:page`. It writes scripts and styles whose names contain
 * hashes of their content, each also compressed, and `bundle.json`, which `daemon/http/page` reads.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { bundleFolder, type Bundle, type BundledFile } from '../daemon/http/page/bundle.ts'

const source = join(import.meta.dirname, '../daemon/page')

/** Bundles the page into a folder, which it replaces when everything is written. */
export async function buildPage(folder: string = bundleFolder): Promise<Bundle> {
  const next = `${folder}.${process.pid}`
  await rm(next, { recursive: true, force: true })
  await mkdir(next, { recursive: true })
  const { metafile } = await build({
    entryPoints: [join(source, 'main.tsx'), join(source, 'style.css')],
    outdir: next,
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2022'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  const files = await Promise.all((await readdir(next)).map((name) => compress(next, name)))
  const bundle = { script: findOutput(metafile, 'main.tsx'), style: findOutput(metafile, 'style.css'), files }
  await writeFile(join(next, 'bundle.json'), JSON.stringify(bundle))
  await rm(folder, { recursive: true, force: true })
  await rename(next, folder)
  return bundle
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** Writes the compressed forms of a file that are smaller than the file itself. */
async function compress(folder: string, name: string): Promise<BundledFile> {
  const content = await readFile(join(folder, name))
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
  const forms: Readonly<Record<string, Buffer>> = {
    br: await promisify(brotliCompress)(content, { params }),
    gz: await promisify(gzip)(content, { level: 9 }),
  }
  const smaller = Object.entries(forms).filter(([, bytes]) => bytes.length < content.length)
  for (const [extension, bytes] of smaller) await writeFile(join(folder, `${name}.${extension}`), bytes)
  return { name, contentType: types[extname(name)] ?? '', encodings: smaller.map(([extension]) => extension) }
}

function findOutput({ outputs }: Metafile, entry: string): string {
  const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(`daemon/page/${entry}`))
  return basename(found?.[0] ?? '')
}

if (import.meta.main) await buildPage()
