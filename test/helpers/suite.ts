import { readFileSync, writeFileSync } from 'node:fs'
import { suite as uvuSuite } from 'uvu'
import { isEmptyIn, isInTier, type Exhaustive } from './tiers.ts'

/** Result that the process of a test file writes for the runner. */
export type FileResult = {
  passed: number
  failed: number
  skipped: number
  /** CPU time (user and system) of the process and of its children that ended. */
  cpuSeconds: number
}

type Body = () => void | Promise<void>
type Options = {
  /** Default 240. */
  timeoutSeconds?: number
  /** Default false: the test is part of `npm test`. */
  exhaustive?: Exhaustive
}

export type Suite = {
  /** Returns whether the test runs in this tier. */
  (name: string, body: Body, options?: Options): boolean
  /** Adds a test that `npm test` leaves out and `npm run test:all` runs. */
  exhaustive(name: string, body: Body): void
  /** Skips a test, and prints the reason. */
  skip(name: string, reason: string): void
  before(body: Body): void
  after(body: Body): void
  beforeEach(body: Body): void
  afterEach(body: Body): void
}

const TIMEOUT_SECONDS = 240

const names = new Set<string>()
/** The tests of {@link names} that run in this tier. */
const registered = new Set<string>()
const passed = new Set<string>()
let skipped = 0

/**
 * Creates a uvu suite that cannot pass by mistake: it starts by itself, every test has a timeout, and an error in `before`
 * fails all its tests. The process must end by itself after the tests: timers, sockets and child processes that are left
 * keep it alive, and fail the file.
 */
export function suite(title: string, defaults: Options = {}): Suite {
  const inner = uvuSuite(title)
  const seconds = defaults.timeoutSeconds ?? TIMEOUT_SECONDS
  let isEmpty = true
  const test = ((name, body, options = {}) => {
    const id = `${title} › ${name}`
    if (names.has(id)) throw new Error(`there are two tests named "${id}"`)
    names.add(id)
    if (!isToRun(defaults.exhaustive || options.exhaustive)) return false
    isEmpty = false
    registered.add(id)
    inner(name, async () => {
      await within(options.timeoutSeconds ?? seconds, name, body)
      passed.add(id)
    })
    return true
  }) as Suite
  test.exhaustive = (name, body) => void test(name, body, { exhaustive: true })
  test.skip = (name, reason) => {
    if (!isInTier(defaults.exhaustive ?? false)) return
    skipped++
    process.stdout.write(`  SKIPPED ${title} › ${name}: ${reason}\n`)
  }
  test.before = (body) => inner.before(() => within(seconds, 'before', body))
  test.after = (body) => inner.after(() => within(seconds, 'after', body))
  test.beforeEach = (body) => inner.before.each(() => within(seconds, 'before each', body))
  test.afterEach = (body) => inner.after.each(() => within(seconds, 'after each', body))
  setImmediate(() => {
    if (!isEmpty) inner.run()
  })
  return test
}

/** @throws Error when the text of the file does not contain "exhaustive", so that the runner would not start it */
function isToRun(exhaustive: Exhaustive = false): boolean {
  const file = process.argv[1] ?? ''
  if (exhaustive !== false && exhaustive !== 'named' && isEmptyIn('rest', readFileSync(file, 'utf8')))
    throw new Error(`${file} has exhaustive tests, but its text does not contain "exhaustive"`)
  return isInTier(exhaustive)
}

async function within(seconds: number, name: string, body: Body): Promise<void> {
  const timer = Promise.withResolvers<never>()
  const handle = setTimeout(() => timer.reject(new Error(`"${name}" did not end within ${seconds} s`)), seconds * 1000)
  try {
    await Promise.race([body(), timer.promise])
  } catch (error) {
    // uvu does not report errors of `before`; tests that did not pass because of them are counted at exit
    if (name === 'before' || name === 'after')
      process.stdout.write(`\n  "${name}" threw ${String((error as Error).stack)}\n`)
    throw error
  } finally {
    clearTimeout(handle)
  }
}

process.on('exit', () => {
  const failed = registered.size - passed.size
  if (failed > 0 || names.size + skipped === 0) process.exitCode = 1
  const result: FileResult = { passed: passed.size, failed, skipped, cpuSeconds: readCpuSeconds() }
  if (process.env.MEDIAD_TEST_RESULT) writeFileSync(process.env.MEDIAD_TEST_RESULT, JSON.stringify(result))
  for (const id of registered) if (!passed.has(id)) process.stdout.write(`  NOT PASSED ${id}\n`)
})

/** Reads the CPU time from /proc, which counts in hundredths of a second. Returns 0 when there is no /proc. */
function readCpuSeconds(): number {
  try {
    // utime, stime, cutime and cstime are fields 14 to 17 of proc(5); the name in parentheses is field 2
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .slice(11, 15)
    return fields.reduce((sum, ticks) => sum + Number(ticks), 0) / 100
  } catch {
    return 0
  }
}
