/**
 * Runs every test file in a process of its own, two at a time: `node test/run.ts [PATTERN…]` takes those whose path
 * contains a pattern. Fails a file that ends without a result, does not end, or leaves a process or a file behind.
 * The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { FileResult } from './helpers/suite.ts'

/** `MEDIAD_FAULTS=all`, every stop of every exploration, takes as long as it takes. */
const FILE_SECONDS = process.env.MEDIAD_FAULTS === 'all' ? 3600 : 600
const LINGER_SECONDS = 5
const root = join(import.meta.dirname, '..')
const coverageFolder = join(root, 'coverage')

const patterns = process.argv.slice(2)
const files = globSync('test/**/*.test.ts', { cwd: root })
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .toSorted()

// a run of some files says nothing about coverage, and is done sooner without it
const coverage = patterns.length === 0 ? { NODE_V8_COVERAGE: join(coverageFolder, 'tmp') } : {}
if (patterns.length === 0) await rm(coverageFolder, { recursive: true, force: true })

const total: FileResult = { passed: 0, failed: 0, skipped: 0 }
const queue = [...files]
await Promise.all([worker(), worker()])
if (files.length === 0) {
  console.log(`no test file matches ${patterns.join(' ')}`)
  total.failed++
}
if (patterns.length === 0) await reportCoverage()
if (total.skipped > 0) console.log(`${total.skipped} skipped, see above`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0

/** Before the last line, which is the verdict. Processes that were killed have told nothing. */
async function reportCoverage(): Promise<void> {
  const c8 = join(root, 'node_modules/c8/bin/c8.js')
  const { promise, resolve } = Promise.withResolvers<void>()
  spawn(process.execPath, [c8, 'report'], { cwd: root, stdio: 'inherit' }).once('close', () => resolve())
  await promise
}

async function worker(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const { result, output, seconds } = await runFile(file)
    total.passed += result.passed
    total.failed += result.failed
    total.skipped += result.skipped
    console.log(`\n${result.failed > 0 ? 'FAILED' : 'ok'} ${file} (${seconds.toFixed(1)} s)`)
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
  const { output, complaint } = await runProcess(file, { TMPDIR: temporary, MEDIAD_TEST_RESULT: resultFile })
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
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

function runProcess(file: string, env: Record<string, string>): Promise<{ output: string; complaint: string | null }> {
  const { promise, resolve } = Promise.withResolvers<{ output: string; complaint: string | null }>()
  const child = spawn(process.execPath, ['--conditions=source', '--import', './test/helpers/linger.ts', file], {
    cwd: root,
    env: { ...process.env, ...coverage, MEDIAD_TEST_LINGER_SECONDS: String(LINGER_SECONDS), ...env },
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
