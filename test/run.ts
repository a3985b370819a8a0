/**
 * Runs test files in separate processes, several at a time. Fails a file that ends without a result, does not end, or leaves
 * a process or a file. The last line of output is `N passed, N failed`.
 *
 *     node test/run.ts            all tests except those marked `exhaustive`
 *     node test/run.ts --all      all tests, with coverage
 *     node test/run.ts --rest     only the tests marked `exhaustive`
 *     node test/run.ts PATTERN…   all tests of the files whose path contains a pattern; can be combined with --rest and --quick
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import type { FileResult } from './helpers/suite.ts'
import { isEmptyIn, type Tier } from './helpers/tiers.ts'

/** Time limit of a file. With `MEDIAD_FAULTS=all`, explorations use all breakpoints, and take longer. */
const FILE_SECONDS = process.env.MEDIAD_FAULTS === 'all' ? 3600 : 900
const LINGER_SECONDS = 15
/** Number of files at a time, for two cores: most daemons wait for leases and messages most of the time. */
const AT_ONCE = 5
/**
 * The files that take longest with all their tests, the longest first. They start first in runs with exhaustive tests: a long file
 * that starts last would run alone, on one of the cores.
 */
const LONGEST = [
  'media/corpus-valid-large',
  'streaming/corpus',
  'faults/presentation',
  'terraform/modules',
  'integration/packed',
  'faults/aftermath',
  'streaming/playback',
  'media/corpus-valid',
  'faults/crash',
  'terraform/mutations',
  'media/injection',
  'media/synthetic-timestamps',
  'media/printed-lines',
  'media/synthetic-tracks',
  'faults/stop',
  'media/synthetic-hdr',
  'media/synthetic-video',
  'faults/lease',
  'media/synthetic-mid-stream',
  'faults/host',
  'media/options',
  'faults/store',
  'faults/soak',
]
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

// coverage is meaningful for a run of all tests only, and slows tests down
const isComplete = tier === 'all' && patterns.length === 0
if (isComplete) await rm(coverageFolder, { recursive: true, force: true })
// coverage is imprecise for code from the compile cache
const compiled = await mkdtemp(join(tmpdir(), 'mediad-compiled-'))
const shared = isComplete
  ? { NODE_V8_COVERAGE: join(coverageFolder, 'tmp'), NODE_DISABLE_COMPILE_CACHE: '1' }
  : { NODE_COMPILE_CACHE: compiled }

const startedAt = performance.now()
const total: FileResult = { passed: 0, failed: 0, skipped: 0, cpuSeconds: 0 }
const queue = tier === 'quick' ? [...files] : files.toSorted(byLength)
if (patterns.length === 0 && !isComplete) await runNode(['test/helpers/compile.ts'], shared)
// in the quick run, most workers start at the front of the list, with files that mostly wait (faults, integration); one starts
// at the end, with files that need CPU time (unit, media)
const waiting = Array.from({ length: AT_ONCE - 1 }, () => worker(() => queue.shift()))
const busyBefore = readCpuTicks()
await Promise.all([...waiting, worker(() => (tier === 'quick' ? queue.pop() : queue.shift()))])
if (files.length === 0) {
  console.log(`no test file matches ${patterns.join(' ')}`)
  total.failed++
}
await rm(compiled, { recursive: true, force: true })
if (isComplete) await runNode(['node_modules/c8/bin/c8.js', 'report'])
if (total.skipped > 0) console.log(`${total.skipped} skipped, see above`)
const wallSeconds = (performance.now() - startedAt) / 1000
console.log(
  `${files.length} files in ${wallSeconds.toFixed(0)} s, CPU ${total.cpuSeconds.toFixed(0)} s${describeUse(busyBefore)}`,
)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0

/** Orders files by {@link LONGEST}, then by name. */
function byLength(a: string, b: string): number {
  return toRank(a) - toRank(b) || a.localeCompare(b)
}

function toRank(file: string): number {
  const rank = LONGEST.indexOf(file.slice('test/'.length, -'.test.ts'.length))
  return rank < 0 ? LONGEST.length : rank
}

/** Reads the CPU time of the machine in ticks: all of it, and that in which it was busy; null without a /proc. */
function readCpuTicks(): { all: number; busy: number } | null {
  try {
    // user, nice, system, idle, iowait, irq, softirq and steal of proc(5)
    const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0]?.split(/ +/).slice(1, 9).map(Number) ?? []
    const all = ticks.reduce((sum, one) => sum + one, 0)
    return { all, busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0) }
  } catch {
    return null
  }
}

/** The CPU time of a file leaves out processes that another one than their parent waited for, so this shows the use of all. */
function describeUse(before: ReturnType<typeof readCpuTicks>): string {
  const now = readCpuTicks()
  if (before === null || now === null || now.all === before.all) return ''
  return `, machine ${((100 * (now.busy - before.busy)) / (now.all - before.all)).toFixed(0)} % busy`
}

function toTier(): Tier {
  if (flags.rest === true) return 'rest'
  if (flags.quick === true) return 'quick'
  return flags.all === true || patterns.length > 0 ? 'all' : 'quick'
}

/** Runs a script of the repository to its end, and passes its output on. */
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
  const startedAt = performance.now()
  await mkdir(temporary)
  const { output, failure } = await runProcess(file, {
    TMPDIR: temporary,
    MEDIAD_TEST_RESULT: resultFile,
    MEDIAD_TEST_TIER: tier,
  })
  const result = await readResult(resultFile)
  const failures = [failure, ...endLeftProcesses(temporary), ...(await findLeftFiles(temporary))].filter(
    (line) => line !== null,
  )
  await rm(folder, { recursive: true, force: true })
  return {
    result: { ...result, failed: result.failed + failures.length },
    output: [output, ...failures.map((line) => `  FAIL ${line}`)].join('\n'),
    seconds: (performance.now() - startedAt) / 1000,
  }
}

async function readResult(file: string): Promise<FileResult> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FileResult
  } catch {
    return { passed: 0, failed: 1, skipped: 0, cpuSeconds: 0 }
  }
}

function runProcess(file: string, env: Record<string, string>): Promise<{ output: string; failure: string | null }> {
  const { promise, resolve } = Promise.withResolvers<{ output: string; failure: string | null }>()
  const child = spawn(process.execPath, ['--conditions=source', '--import', './test/helpers/linger.ts', file], {
    cwd: root,
    env: { ...process.env, ...shared, MEDIAD_TEST_LINGER_SECONDS: String(LINGER_SECONDS), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let failure: string | null = null
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const timer = setTimeout(() => {
    failure = `${file} did not end within ${FILE_SECONDS} s`
    child.kill('SIGKILL')
  }, FILE_SECONDS * 1000)
  child.once('close', () => {
    clearTimeout(timer)
    resolve({ output, failure })
  })
  return promise
}

/** Ends the processes that have the temporary folder of the file in their command line, and reports them. */
function endLeftProcesses(folder: string): string[] {
  const left: string[] = []
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      if (!command.includes(folder)) continue
      left.push(`process ${pid} is still running: ${command.slice(0, 200)}`)
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // the process ended after the listing
    }
  }
  return left
}

async function findLeftFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.slice(0, 5).map((name) => `file left in TMPDIR: ${relative('.', name)}`)
}
