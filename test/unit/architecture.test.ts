/**
 * Tests which file can import which. When a test fails, either an import violates the architecture, or the architecture has
 * changed; in that case, change these tables deliberately.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import {
  findCycles,
  findImports,
  findLayerViolations,
  findPackages,
  findText,
  isPackage,
  layerOf,
  readSources,
  type Import,
} from '../helpers/imports.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const all = readSources(root, ['daemon', 'plugins'])
const daemon = all.filter(({ file }) => file.startsWith('daemon/'))
/** Those that run in Node; the page runs in browsers. */
const sources = all.filter(({ file }) => !file.startsWith('daemon/page/'))
const plugins = sources.filter(({ file }) => file.startsWith('plugins/'))

/** The layers of docs/architecture.md, from the lowest up. A folder belongs to exactly one layer. */
const layers = readLayers(readFileSync(join(root, 'docs/architecture.md'), 'utf8'))
const RULES = 1
const EDGES = 2
const SHARED_EDGE = 'daemon/programs/' // starts programs, for the edges that need one

/** Every package, with the only files that import it. */
const importers: Record<string, string> = {
  '@20minutes/s3rver': 'local/objects/s3rver.ts',
  '@aws-sdk/client-s3': `composition/tokens.ts|types storage/client.ts storage/download.ts storage/list.ts storage/object-error.ts storage/presign.ts storage/small.ts storage/stale-uploads.ts storage/storage.ts storage/upload.ts storage/uploads/expired.ts
  storage/uploads/multipart.ts`,
  '@aws-sdk/client-sqs': 'composition/tokens.ts|types queue/queue.ts',
  '@aws-sdk/lib-storage': 'storage/upload.ts',
  '@aws-sdk/s3-presigned-post': 'storage/uploads/post.ts',
  '@aws-sdk/s3-request-presigner': 'storage/presign.ts storage/uploads/multipart.ts',
  '@opentelemetry/api': 'tracing/tracing.ts',
  'cli-progress': 'terminal/bar.ts',
  'cli-table3': 'terminal/table.ts',
  commander: 'cli/program.ts',
  cosmiconfig: 'config/load.ts',
  cron: 'config/cron.ts schedule/poller.ts',
  fauxqs: 'local/sqs/fauxqs.ts',
  'fluent-ffmpeg': 'ffmpeg/ffmpeg.ts',
  h3: `http/page/page.ts http/access/address.ts|types http/access/authorize.ts|types http/access/cross-site.ts|types http/access/identity.ts|types
  http/app.ts http/body.ts http/framing.ts|types http/monitoring/health.ts|types http/hooks.ts http/jobs/files/handler.ts http/jobs/find.ts|types http/jobs/job.ts|types
  http/jobs/list.ts|types http/jobs/output-urls.ts|types http/jobs/stream/handler.ts http/monitoring/metrics.ts http/problem.ts http/respond.ts http/route.ts|types
  http/routes.ts|types http/server.ts http/uploads/companion.ts|types http/uploads/complete.ts|types http/uploads/parts.ts|types http/uploads/presign.ts|types`,
  'image-size': 'probe/image.ts',
  jose: 'access/jwt.ts access/keys.ts',
  pino: 'log/log.ts',
  'pino-pretty': 'log/pretty.ts',
  'prom-client': 'metrics/registry.ts',
  'rate-limiter-flexible': 'http/access/limits.ts',
  'reflect-metadata': 'composition/compose.ts',
  semaphore: 'schedule/slots.ts',
  tsyringe: 'composition/compose.ts',
  zod: `access/bearer.ts access/credentials.ts access/jwt.ts cli/env/terraform.ts config/endpoint.ts config/fields.ts config/http.ts
  config/schema.ts http/body.ts|types http/monitoring/health.ts http/jobs/files/handler.ts http/jobs/find.ts http/jobs/list.ts http/jobs/output-urls.ts
  http/jobs/public.ts http/openapi/document.ts http/openapi/handler.ts http/openapi/problems.ts http/route.ts|types http/uploads/companion.ts
  http/uploads/complete.ts http/uploads/parts.ts http/uploads/request.ts http/uploads/routes.ts http/uploads/secret.ts
  index.ts protocol/messages.ts vocabulary/job.ts vocabulary/plugin.ts|types vocabulary/validation/validation.ts|types`,
  'zod-openapi': 'http/openapi/document.ts http/openapi/problems.ts|types http/openapi/security.ts|types',
}

const test = suite('architecture')

test('files import from their own layer or a lower one: vocabulary ← rules ← edges ← steps ← motion ← root ← client', () => {
  assert.equal(findLayerViolations(daemon, layers), [])
  assert.equal([...new Set(daemon.map(({ file }) => layerOf(file, layers)))].toSorted(), [...layers.keys()])
})

test('docs/architecture.md lists each folder of the tree once', () => {
  const listed = layers.flat().filter((start) => start.endsWith('/'))
  const folders = new Set(daemon.map(({ file }) => `${file.split('/').slice(0, 2).join('/')}`))
  const found = [...folders].filter((path) => !path.endsWith('.ts')).map((path) => `${path}/`)
  assert.equal(listed.toSorted(), found.toSorted())
})

test('an edge imports no other edge', () => {
  assert.equal(findImports(daemon, isOtherEdge), [])
})

test('folders have no circular dependencies', () => {
  const byFolder = daemon.map(({ file, text, imports }) => ({
    file: folderOf(file),
    text,
    imports: imports.map((one) => ({ ...one, target: folderOf(one.target) })),
  }))
  const merged = Object.values(Object.groupBy(byFolder, ({ file }) => file)).map((files = []) => ({
    file: files[0]?.file ?? '',
    text: '',
    imports: files.flatMap(({ imports }) => imports).filter(({ target }) => target !== files[0]?.file),
  }))
  assert.equal(findCycles(merged, { types: true }), [])
})

test('no file stands next to a folder of its name; no folder has one file or more than 12', () => {
  const files = all.map(({ file }) => file)
  const folders = new Set(files.map((file) => dirname(file)))
  assert.equal(
    files.filter((file) => folders.has(file.replace(/\.tsx?$/, ''))),
    [],
  )
  const counts = [...folders].map(
    (folder) => [folder, files.filter((file) => dirname(file) === folder).length] as const,
  )
  assert.equal(
    counts.filter(([, count]) => count < 2 || count > 12),
    [],
  )
})

test('plugins import only the public API, and the daemon imports no plugin', () => {
  const allowed = /^(?:node:|plugins\/|daemon\/index\.ts$)/
  assert.equal(
    findImports(plugins, ({ target }) => !allowed.test(target)),
    [],
  )
  assert.equal(findText(plugins, /from '\.\.\/(?:\.\.\/)*daemon/), []) // they use the package's name, like any plugin
  assert.equal(
    findImports(daemon, ({ target }) => target.startsWith('plugins/')),
    [],
  )
})

test('files have no circular imports', () => {
  assert.equal(findCycles(all, { types: true }), [])
})

test('only the listed files import a package', () => {
  const expected = Object.entries(importers).map(([name, files]) => [name, toFiles(files)] as const)
  assert.equal(toLines(Object.entries(findPackages(sources))), toLines(expected))
})

test('package.json lists all imported packages, and no others', () => {
  const { dependencies, devDependencies } = readPackage()
  assert.equal(dependencies, Object.keys(findPackages(sources)).toSorted())

  const others = readSources(root, ['daemon/page', 'test', 'examples', '.ci']).filter(
    ({ file }) => file !== 'test/unit/imports.test.ts',
  ) // samples
  const known = new Set([...dependencies, ...devDependencies])
  assert.equal(
    findImports(others, ({ target }) => isPackage(target) && !known.has(target)),
    [],
  )
  const served = ['axe-core', 'dashjs', 'hls.js'] // to a browser
  const tools = ['@redocly/cli', 'c8', 'node', 'oxfmt', 'oxlint', 'typescript', ...served]
  const imported = new Set([...Object.keys(findPackages([...sources, ...others])), ...tools])
  const unused = devDependencies.filter((name) => !imported.has(name.replace('@types/', '')))
  assert.equal(unused, [])
})

test('one file exits the process, and few files read its environment', () => {
  assert.equal(findText(sources, /\bprocess\.(?:exit|abort|reallyExit)\b(?!\.code')/), ['daemon/main.ts'])
  assert.equal(findText(sources, /\bprocess\.env\b/), [
    'daemon/cli/start.ts',
    'daemon/config/env.ts',
    'daemon/programs/find.ts', // PATH, to find ffmpeg like a shell; variables of drivers
    'daemon/storage/client.ts', // the S3 endpoint, which the SDK does not expose
    'daemon/terminal/terminal.ts',
  ])
  assert.equal(
    findImports(sources, ({ target }) => target === 'node:process'),
    [],
  )
})

test('importing the public API loads only zod and starts nothing', async () => {
  const { loaded, resources } = await trace(['daemon/index.ts', 'plugins/index.ts'])
  const packages = new Set(loaded.map(([, url]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]))
  packages.delete(undefined)
  assert.equal([...packages], ['zod'])
  assert.equal(resources, [])
})

test('the command that starts a daemon loads no package for metrics, traces or the description of the API', async () => {
  const { loaded } = await trace(['daemon/cli/start.ts', 'daemon/composition/compose.ts'])
  const packages = loaded.map(([, url]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1])
  assert.ok(packages.includes('h3'))
  assert.equal(
    packages.filter((name) => ['prom-client', '@opentelemetry/api', 'zod-openapi'].includes(name ?? '')),
    [],
  )
})

test('the imports found by this test are the ones that Node loads', async () => {
  const traced = sources.filter(({ file }) => file !== 'daemon/main.ts') // importing it would run the command
  const { loaded } = await trace(traced.map(({ file }) => file))
  const base = pathToFileURL(`${root}/`).href
  const own = loaded.filter(([from]) => traced.some(({ file }) => from === base + file))
  const seen = own.map(([from, url]) => `${from.slice(base.length)} → ${toName(url, base)}`)
  const read = traced
    .flatMap(({ imports }) => imports)
    .filter((one) => !one.typeOnly && !one.dynamic)
    .map(({ file, target }) => `${file} → ${target}`)
  // a required package is found as a dynamic import
  const expected = new Set([...read, 'daemon/local/objects/s3rver.ts → @20minutes/s3rver'])
  assert.equal([...new Set(seen)].toSorted(), [...expected].toSorted())
})

function readPackage(): { dependencies: string[]; devDependencies: string[] } {
  const text = readFileSync(join(root, 'package.json'), 'utf8')
  const manifest = JSON.parse(text) as Record<string, Record<string, string>>
  const { dependencies, devDependencies, optionalDependencies } = manifest
  const required = Object.keys({ ...dependencies, ...optionalDependencies }).toSorted()
  return { dependencies: required, devDependencies: Object.keys(devDependencies ?? {}) }
}

/** Imports the files in a separate process; returns what they resolve, and the resources that are still active. */
async function trace(
  files: readonly string[],
): Promise<{ loaded: [from: string, url: string][]; resources: string[] }> {
  const code = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ resolve(specifier, context, next) {
      const result = next(specifier, context)
      loaded.push([context.parentURL ?? '', result.url])
      return result
    } })
    for (const file of ${JSON.stringify(files)}) await import(new URL(file, ${JSON.stringify(pathToFileURL(`${root}/`).href)}))
    const resources = process.getActiveResourcesInfo()
    process.stdout.write(JSON.stringify({ loaded, resources }))`
  const args = ['--conditions=source', '--input-type=module', '--eval', code]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 })
  return JSON.parse(stdout)
}

function toName(url: string, base: string): string {
  if (url.startsWith('node:')) return url
  const path = url.startsWith(base) ? url.slice(base.length) : url
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path
}

function toFiles(list: string): string[] {
  return list.split(/\s+/).map((file) => `daemon/${file.replace('|types', ' (types)')}`)
}

function toLines(table: readonly (readonly [name: string, files: readonly string[]])[]): string[] {
  return table.map(([name, files]) => `${name}: ${files.toSorted().join(', ')}`).toSorted()
}

function isOtherEdge({ file, target }: Import): boolean {
  const isBelow = layerOf(target, layers) <= RULES || target.startsWith(SHARED_EDGE)
  return layerOf(file, layers) === EDGES && !isBelow && folderOf(file) !== folderOf(target)
}

/** Returns the folder below `daemon/` that contains a file; a file directly in `daemon/` counts as a folder. */
const folderOf = (file: string) => file.split('/').slice(0, 2).join('/')

/** Reads the table of layers. Its second column names folders (`storage/`) and files (`main.ts`) of `daemon/`. */
function readLayers(page: string): string[][] {
  const rows =
    page
      .split('\n## Layers\n')[1]
      ?.split('\n## ')[0]
      ?.split('\n')
      .filter((line) => line.startsWith('|')) ?? []
  return rows.slice(2).map((row) => {
    const names = (row.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)
    return Array.from(names, ([, name = '']) => `daemon/${name}`)
  })
}
