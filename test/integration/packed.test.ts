/** Tests the package that `npm publish` would publish, installed in a new project. All other tests run from source. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { readExports, startMediad, type Mediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const config = `
import { defineConfig, definePlugin, env, z } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'

const note = definePlugin('note', z.object({ text: z.string() }), ({ text }) => ({
  run: ({ log, probe }) => log.info(\`\${text}: \${probe.video?.width}\`),
}))
export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  plugins: [note({ text: 'width' }), transcode({ crf: 30 }), thumbnail(), upload()],
})
`

const test = suite('packed', { exhaustive: true })

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let copy = ''
let app = ''
let tarball = ''
let packed: string[] = []

test.before(async () => {
  folder = await temporaryFolder()
  copy = join(folder.path, 'copy')
  const { file, files } = await pack(folder.path)
  packed = files
  tarball = file
  app = join(folder.path, 'app')
  await mkdir(app)
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  await writeFile(join(app, 'media.config.ts'), config)
  await makeVideo(join(app, 'video.mp4'))
  const started = performance.now()
  await npm(app, ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', file])
  process.stdout.write(`  installed in ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
})
test.after(async () => folder[Symbol.asyncDispose]())

const isBuilt = (file: string) => file.endsWith('.ts') && !file.startsWith('daemon/page/')

test('the tarball contains the built files and the documentation, and nothing else', async () => {
  const sources = [...(await list('daemon')), ...(await list('plugins'))].filter(isBuilt)
  const built = sources.flatMap((file) => [file.replace(/ts$/, 'js'), file.replace(/ts$/, 'd.ts')])
  const own = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
  const expected = new Set([...own, ...(await list('docs')), ...(await list('dist/daemon/page'))])
  for (const file of built) expected.add(`dist/${file}`)
  assert.ok(expected.has('dist/daemon/page/bundle.json'))
  const missing = [...expected].filter((file) => !packed.includes(file))
  const unexpected = packed.filter((file) => !expected.has(file))
  assert.equal({ missing, unexpected }, { missing: [], unexpected: [] })
})

test('mediad --version runs through its shebang line', async () => {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.is((await run(app, join(app, 'node_modules/.bin/mediad'), ['--version'])).trim(), version)
})

test('the application of examples/compose gets its lockfile from the documented commands, and installs from it', async () => {
  const page = await readFile(join(root, 'docs/on-premises.md'), 'utf8')
  const [, commands = ''] = /^cd examples\/compose\/application\n((?:.+\n)+)```$/m.exec(page) ?? []
  const { version, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  assert.match(commands, `mediad-${version}.tgz @aws-sdk/client-sqs@${dependencies['@aws-sdk/client-sqs']}\n`)
  const application = join(folder.path, 'application')
  await cp(join(root, 'examples/compose/application'), application, { recursive: true })
  await cp(tarball, join(application, basename(tarball)))
  await run(application, 'sh', ['-euc', commands.replace('npm install', 'npm install --prefer-offline --no-audit')])
  await npm(application, ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'])
  const code = `const { default: config } = await import('./media.config.ts')
    console.log(config.plugins.map(({ name }) => name).join())`
  const names = await run(application, process.execPath, ['--input-type=module', '-e', code])
  assert.is(names, 'transcode,thumbnail,checksum,upload\n')
  const [bridge] = await Promise.allSettled([run(application, process.execPath, ['bridge.ts'])])
  assert.match(bridge.status === 'rejected' ? String(bridge.reason) : '', 'set MEDIAD_WORK_QUEUE_URL and BRIDGE_TOKEN')
})

test('type-checks a config, and finds wrong types', async () => {
  const compilerOptions = { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: [] }
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['media.config.ts'] }))
  await writeFile(join(app, 'wrong.ts'), config.replace('crf: 30', "crf: '30'"))
  const check = (args: string[]) => run(app, join(root, 'node_modules/.bin/tsc'), args)
  assert.is(await check(['-p', '.']), '')
  const options = ['--ignoreConfig', '--module', 'nodenext', '--target', 'es2024', '--strict', '--noEmit']
  const [result] = await Promise.allSettled([check([...options, 'wrong.ts'])])
  const errors = String(result.status === 'rejected' && result.reason.stdout).match(/^\S.*/gm)
  assert.is(errors?.length, 1)
  assert.match(errors?.[0] ?? '', /^wrong\.ts\(\d+,\d+\): error TS2322: /)
})

test('mediad/client loads, and type-checks in a page without the types of Node', async () => {
  const code = `import { createClient } from 'mediad/client'
    console.log(Object.keys(createClient({ endpoint: 'http://localhost' })).join())`
  const names = await run(app, process.execPath, ['--input-type=module', '-e', code])
  assert.is(names, 'upload,job,jobs,watch,wait,fileUrl\n')
  const page = `import { createClient, JobDeadError, type Job } from 'mediad/client'
    const client = createClient({ endpoint: '', headers: () => new Headers(), fetch: window.fetch })
    const [file] = document.querySelector('input')?.files ?? []
    const upload = client.upload(file ?? new Blob(), { onProgress: ({ sentBytes }) => console.log(sentBytes) })
    const job: Job = await client.wait(await upload.done)
    for await (const { type, job } of client.watch({ key: 'a' })) console.log(type, job.outputs[0]?.media?.width)
    export const error = new JobDeadError(job)`
  await mkdir(join(app, 'page'), { recursive: true })
  await writeFile(join(app, 'page/page.ts'), page)
  const modules = { module: 'esnext', moduleResolution: 'bundler', target: 'es2022' }
  const lib = ['es2022', 'dom', 'dom.iterable']
  const checks = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true }
  const compilerOptions = { ...modules, ...checks, lib, types: [] }
  await writeFile(join(app, 'page/tsconfig.json'), JSON.stringify({ compilerOptions, files: ['page.ts'] }))
  assert.is(await run(app, join(root, 'node_modules/.bin/tsc'), ['-p', 'page']), '')
})

test('mediad run', async () => {
  await using mediad = await start(['run', 'video.mp4', '--out', 'out'])
  assert.is(await mediad.ended, 0, toText(mediad))
  assert.ok(mediad.entries.some(({ msg }) => msg === 'width: 160'))
  assert.equal((await readdir(join(app, 'out'))).toSorted(), ['cvted_video.mp4', 'thumb_video.jpg'])
})

test('mediad check against mediad local', async () => {
  await using local = await start(['local'])
  await local.waitFor(({ text }) => text.startsWith('export MEDIAD_BUCKET='))
  await using check = await start(['check'], readExports(local.entries))
  assert.is(await check.ended, 0, toText(check))
  const names = check.entries.flatMap((entry) => (entry.ok === true ? [entry.check] : []))
  for (const name of ['config', 'ffmpeg', 'encoders', 'bucket', 'queue work', 'queue inProgress', 'queue dead'])
    assert.ok(names.includes(name), `${name} is not among ${names.join(', ')}`)
  assert.is(await local.stop(), 0)

  await using late = await start(['check'], readExports(local.entries))
  assert.is(await late.ended, 1, toText(late))
})

test('mediad start --local runs a job', async () => {
  await using mediad = await start(['start', '--local', '--port', '0'])
  const args = [join(root, 'examples/presign-client/upload.ts'), 'video.mp4', await mediad.started()]
  const results = await run(app, process.execPath, args)
  assert.match(results, /^video: cvted_\S+-video\.mp4\nthumbnail: thumb_\S+-video\.jpg\n$/)
  assert.is(await mediad.stop(), 0)
})

/** Packs a copy, so that the build neither writes to the repository nor conflicts with another build. */
async function pack(into: string): Promise<{ file: string; files: string[] }> {
  const excluded = new Set(['node_modules', '.git', 'dist', 'coverage', '.mediad-data', '.env'])
  await cp(root, copy, { recursive: true, filter: (path) => dirname(path) !== root || !excluded.has(basename(path)) })
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
  const [made] = JSON.parse(await npm(copy, ['pack', '--json', '--loglevel=error', '--pack-destination', into])) as {
    filename: string
    files: { path: string }[]
  }[]
  assert.ok(made)
  return { file: join(into, made.filename), files: made.files.map(({ path }) => path) }
}

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Mediad> {
  return startMediad(args, { cwd: app, program: [join(app, 'node_modules/.bin/mediad')], env })
}

function npm(cwd: string, args: readonly string[]): Promise<string> {
  return run(cwd, 'npm', args)
}

const npmVariables = /^(?:npm_(?:package|lifecycle|config_local)|INIT_CWD$|NODE_V8_COVERAGE$)/

/** Runs a program with this Node as `node`, and without the variables that an outer `npm test` sets for its children. */
async function run(cwd: string, program: string, args: readonly string[]): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !npmVariables.test(name))
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter)
  const env = { ...Object.fromEntries(inherited), PATH, TMPDIR: folder.path }
  const { stdout } = await promisify(execFile)(program, [...args], { cwd, env, maxBuffer: 2 ** 26 })
  return stdout
}

async function list(name: string): Promise<string[]> {
  const entries = await readdir(join(copy, name), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(copy, join(entry.parentPath, entry.name)))
}

function toText({ entries }: Mediad): string {
  return entries.map(({ text }) => text).join('\n')
}
