/**
 * Runs test files, each in a process of its own, some at a time. Fails a file that ends without a result, does not end, or
 * leaves a process or a file behind. The last line is `N passed, N failed`.
 *
 *     node test/run.ts            all tests but those that are marked `exhaustive`
 *     node test/run.ts --all      all tests, and measures coverage
 *     node test/run.ts --rest     the tests that are marked `exhaustive`
 *     node test/run.ts PATTERN…   all tests of the files whose path contains a pattern; --rest and --quick narrow that
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import type { FileResult } from './helpers/suite.ts'
import { isEmptyIn, type Tier } from './helpers/tiers.ts'

/** `MEDIAD_FAULTS=all`, every stop of every exploration, takes as long as it takes. */
const FILE_SECONDS = process.env.MEDIAD_FAULTS === 'all' ? 3600 : 600
const LINGER_SECONDS = 15
/** Files at once, for two cores: the daemons of most of them wait for leases and messages most of the time. */
const AT_ONCE = 4
const root = join(import.meta.dirname, '..')
const coverageFolder = join(root, 'coverage')

const { values: flags, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean' }, rest: { type: 'boolean' }, quick: { type: 'boolean' } },
})
const tier = toTier()
const files = globSync('test/**/*.test.ts', { cwd: root })
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .filter((file) => !isEmptyIn(tier, readFileSync(join(root, file), 'utf8')))
  .toSorted()

// a run of some tests says nothing about coverage, and takes less time without it
const isWhole = tier === 'all' && patterns.length === 0
if (isWhole) await rm(coverageFolder, { recursive: true, force: true })
// code from the compile cache is not covered precisely
const compiled = await mkdtemp(join(tmpdir(), 'mediad-compiled-'))
const shared = isWhole ? { NODE_V8_COVERAGE: join(coverageFolder, 'tmp') } : { NODE_COMPILE_CACHE: compiled }

const started = performance.now()
const total: FileResult = { passed: 0, failed: 0, skipped: 0, cpuSeconds: 0 }
const queue = [...files]
if (patterns.length === 0 && !isWhole) await runNode(['test/helpers/compile.ts'], shared)
// most take those that mostly wait (faults, integration), one those that compute (unit, media), until they meet
const waiting = Array.from({ length: AT_ONCE - 1 }, () => worker(() => queue.shift()))
await Promise.all([...waiting, worker(() => queue.pop())])
if (files.length === 0) {
  console.log(`no test file matches ${patterns.join(' ')}`)
  total.failed++
}
await rm(compiled, { recursive: true, force: true })
if (isWhole) await runNode(['node_modules/c8/bin/c8.js', 'report'])
if (total.skipped > 0) console.log(`${total.skipped} skipped, see above`)
const wallSeconds = (performance.now() - started) / 1000
console.log(`${files.length} files in ${wallSeconds.toFixed(0)} s, CPU ${total.cpuSeconds.toFixed(0)} s`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0

function toTier(): Tier {
  if (flags.rest === true) return 'rest'
  if (flags.quick === true) return 'quick'
  return flags.all === true || patterns.length > 0 ? 'all' : 'quick'
}

/** Runs a script of the repository to its end; what it prints comes before the last line. */
async function runNode(args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const child = spawn(process.execPath, ['--conditions=source', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  child.once('close', () => resolve())
  await promise
}

async function worker(take: () => string | undefined): Promise<void> {
  for (let file = take(); file !== undefined; file = take()) {
    const { result, output, seconds } = await runFile(file)
    total.passed += result.passed
    total.failed += result.failed
    total.skipped += result.skipped
    total.cpuSeconds += result.cpuSeconds
    const cost = `${seconds.toFixed(1)} s, CPU ${result.cpuSeconds.toFixed(1)} s`
    console.log(`\n${result.failed > 0 ? 'FAILED' : 'ok'} ${file} (${cost})`)
    console.log(output.trimEnd())
  }
}

type Run = { result: FileResult; output: string; seconds: number }

async function runFile(file: string): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'mediad-test-'))
  const temporary = join(folder, 'tmp')
  const resultFile = join(folder, 'result.json')
  const started = performance.now()
  await mkdir(temporary)
  const { output, complaint } = await runProcess(file, {
    TMPDIR: temporary,
    MEDIAD_TEST_RESULT: resultFile,
    MEDIAD_TEST_TIER: tier,
  })
  const result = await readResult(resultFile)
  const complaints = [complaint, ...leftProcesses(temporary), ...(await leftFiles(temporary))].filter(
    (line) => line !== null,
  )
  await rm(folder, { recursive: true, force: true })
  return {
    result: { ...result, failed: result.failed + complaints.length },
    output: [output, ...complaints.map((line) => `  FAIL ${line}`)].join('\n'),
    seconds: (performance.now() - started) / 1000,
  }
}

async function readResult(file: string): Promise<FileResult> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FileResult
  } catch {
    return { passed: 0, failed: 1, skipped: 0, cpuSeconds: 0 }
  }
}

function runProcess(file: string, env: Record<string, string>): Promise<{ output: string; complaint: string | null }> {
  const { promise, resolve } = Promise.withResolvers<{ output: string; complaint: string | null }>()
  const child = spawn(process.execPath, ['--conditions=source', '--import', './test/helpers/linger.ts', file], {
    cwd: root,
    env: { ...process.env, ...shared, MEDIAD_TEST_LINGER_SECONDS: String(LINGER_SECONDS), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let complaint: string | null = null
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const timer = setTimeout(() => {
    complaint = `${file} did not end within ${FILE_SECONDS} s`
    child.kill('SIGKILL')
  }, FILE_SECONDS * 1000)
  child.once('close', () => {
    clearTimeout(timer)
    resolve({ output, complaint })
  })
  return promise
}

/** Processes that still work in the file's own temporary folder; each is ended, by id. */
function leftProcesses(folder: string): string[] {
  const left: string[] = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      if (!command.includes(folder)) continue
      left.push(`process ${pid} was left behind: ${command.slice(0, 200)}`)
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // it ended between the listing and the look
    }
  }
  return left
}

async function leftFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.slice(0, 5).map((name) => `left behind in TMPDIR: ${relative('.', name)}`)
}
