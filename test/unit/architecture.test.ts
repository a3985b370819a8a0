/**
 * Who may import whom. When a test here fails, either an import points the wrong way, or the design has changed: then
 * change these tables with it, knowingly.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import {
  findCycles,
  findImports,
  findLayerBreaks,
  findPackages,
  findText,
  isPackage,
  layerOf,
  readSources,
  withoutComments,
  type Import,
} from '../helpers/imports.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const sources = readSources(root, ['daemon', 'plugins'])
const daemon = sources.filter(({ file }) => file.startsWith('daemon/'))
const plugins = sources.filter(({ file }) => file.startsWith('plugins/'))

/** From the lowest up. A file belongs where the longest start of its path is listed. */
const layers = [
  // words: what everything speaks of; types, pure functions, nothing that connects to anything
  `clock errors events index releasers config/ job/backoff job/decide job/job job/keys pipeline/ffmpeg/damage
  pipeline/media pipeline/plugin pipeline/probe/fields pipeline/probe/mastering pipeline/probe/orientation
  pipeline/probe/pick queue/notification`,
  // edges: each the only one that knows its part of the world outside
  'config/load local/ log notice/metadata queue/ storage/ pipeline/ffmpeg pipeline/probe',
  // steps: what a job goes through
  'job/ operate/ pipeline/',
  // motion: what makes them happen
  'checks daemon. http/ notice/ schedule/',
  // root: what puts everything together
  'cli/ compose main tokens',
].map((starts) => starts.split(/\s+/).map((start) => `daemon/${start}`))
const [WORDS, EDGES] = [0, 1]

/** Every package, and the only files that import it. */
const importers: Record<string, string> = {
  '@20minutes/s3rver': 'local/s3/s3rver.ts',
  '@aws-sdk/client-s3': `storage/client.ts storage/download.ts storage/leftovers.ts storage/list.ts storage/presign.ts
  storage/storage.ts
  storage/upload.ts tokens.ts|types`,
  '@aws-sdk/client-sqs': 'queue/queue.ts tokens.ts|types',
  '@aws-sdk/lib-storage': 'storage/upload.ts',
  '@aws-sdk/s3-request-presigner': 'storage/presign.ts',
  'cli-progress': 'cli/run.ts',
  'cli-table3': 'cli/table.ts',
  commander: 'cli/program.ts',
  cosmiconfig: 'config/load.ts',
  cron: 'config/cron.ts schedule/poller.ts',
  fauxqs: 'local/fauxqs.ts',
  'fluent-ffmpeg': 'pipeline/ffmpeg.ts',
  h3: 'http/app.ts http/health.ts http/job.ts http/presign.ts http/problem.ts http/server.ts',
  pino: 'log.ts',
  'pino-pretty': 'log.ts',
  'reflect-metadata': 'compose.ts',
  semaphore: 'schedule/slots.ts',
  tsyringe: 'compose.ts',
  zod: `cli/terraform.ts config/problems.ts|types config/schema.ts config/whole.ts http/upload.ts index.ts job/document.ts pipeline/plugin.ts|types
  queue/queues.ts`,
}

const test = suite('architecture')

test('imports point down: words ← edges ← steps ← motion ← root', () => {
  assert.equal(findLayerBreaks(daemon, layers), [])
  const used = new Set(daemon.map(({ file }) => layerOf(file, layers)))
  assert.is(used.size, layers.length)
})

test('an edge knows no other edge', () => {
  assert.equal(findImports(daemon, isForeign), [])
})

test('plugins stand on the public API, and nothing stands on plugins', () => {
  const allowed = /^(?:node:|plugins\/|daemon\/index\.ts$)/
  assert.equal(
    findImports(plugins, ({ target }) => !allowed.test(target)),
    [],
  )
  assert.equal(
    findImports(daemon, ({ target }) => target.startsWith('plugins/')),
    [],
  )
})

test('no file can reach itself', () => {
  assert.equal(findCycles(sources, { types: true }), [])
})

test('each package has its files', () => {
  const wanted = Object.entries(importers).map(([name, files]) => [name, toFiles(files)] as const)
  assert.equal(toLines(Object.entries(findPackages(sources))), toLines(wanted))
})

test('package.json lists what is imported, and nothing else', () => {
  const { dependencies, devDependencies } = readPackage()
  assert.equal(dependencies, Object.keys(findPackages(sources)).toSorted())

  const others = readSources(root, ['test', 'examples']).filter(({ file }) => file !== 'test/unit/imports.test.ts') // samples
  const known = new Set(['mediad', ...dependencies, ...devDependencies])
  assert.equal(
    findImports(others, ({ target }) => isPackage(target) && !known.has(target)),
    [],
  )
  const tools = ['c8', 'node', 'oxfmt', 'oxlint', 'typescript']
  const imported = new Set([...Object.keys(findPackages([...sources, ...others])), ...tools])
  const idle = devDependencies.filter((name) => !imported.has(name.replace('@types/', '')))
  assert.equal(idle, [])
})

test('the process ends in one place, and its environment is read in few', () => {
  assert.equal(findText(sources, /\bprocess\.(?:exit|abort|reallyExit)\b/), ['daemon/main.ts'])
  assert.equal(findText(sources, /\bprocess\.env\b/), [
    'daemon/cli/start.ts',
    'daemon/terminal/terminal.ts',
    'daemon/config/env.ts',
    'daemon/programs/programs.ts', // PATH, to find ffmpeg as a shell would
    'daemon/storage/client.ts', // whether the S3 is a custom one, which the SDK does not tell
  ])
  assert.equal(
    findImports(sources, ({ target }) => target === 'node:process'),
    [],
  )
})

test('importing the public API loads zod and nothing else, and starts nothing', async () => {
  const { loaded, resources } = await trace(['daemon/index.ts', 'plugins/index.ts'])
  const packages = new Set(loaded.map(([, url]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]))
  packages.delete(undefined)
  assert.equal([...packages], ['zod'])
  assert.equal(resources, [])
})

test('what is read here is what Node loads', async () => {
  const traced = sources.filter(({ file }) => file !== 'daemon/main.ts') // it would run
  const { loaded } = await trace(traced.map(({ file }) => file))
  const base = pathToFileURL(`${root}/`).href
  const own = loaded.filter(([from]) => traced.some(({ file }) => from === base + file))
  const seen = own.map(([from, url]) => `${from.slice(base.length)} → ${toName(url, base)}`)
  const read = traced
    .flatMap(({ imports }) => imports)
    .filter((one) => !one.typeOnly && !one.late)
    .map(({ file, target }) => `${file} → ${target}`)
  // what is required, at whatever time, counts as late
  const expected = new Set([...read, 'daemon/local/objects/s3rver.ts → @20minutes/s3rver'])
  assert.equal([...new Set(seen)].toSorted(), [...expected].toSorted())
})

test('files are short', () => {
  const lengths = sources.map(({ file, text }) => ({ file, lines: countLines(withoutComments(text)) }))
  assert.equal(
    lengths.filter(({ lines }) => lines > 250),
    [],
  )
  const sorted = lengths.toSorted((a, b) => a.lines - b.lines)
  const [median, longest] = [sorted[sorted.length >> 1], sorted.at(-1)]
  process.stdout.write(
    `  ${sorted.length} files: median ${median?.lines} lines of code, longest ${longest?.lines} (${longest?.file})\n`,
  )
})

function readPackage(): { dependencies: string[]; devDependencies: string[] } {
  const text = readFileSync(join(root, 'package.json'), 'utf8')
  const { dependencies, devDependencies } = JSON.parse(text) as Record<string, Record<string, string>>
  return { dependencies: Object.keys(dependencies ?? {}), devDependencies: Object.keys(devDependencies ?? {}) }
}

/** What a process of its own resolves, from where, when it imports these files; and what then still runs in it. */
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

function countLines(text: string): number {
  return text.split('\n').filter((line) => line.trim() !== '').length
}

function isForeign({ file, target }: Import): boolean {
  return layerOf(file, layers) === EDGES && layerOf(target, layers) > WORDS && edgeOf(file) !== edgeOf(target)
}

/** The folder under `daemon/` (ffmpeg and ffprobe are one edge); a file that lies in none is an edge of its own. */
const edgeOf = (file: string) => file.split('/').slice(0, 2).join('/')
