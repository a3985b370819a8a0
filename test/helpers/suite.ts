import { readFileSync, writeFileSync } from 'node:fs'
import { suite as uvuSuite } from 'uvu'
import { isEmptyIn, isInTier, type Exhaustive } from './tiers.ts'

/** What one test file tells the runner when its process ends. */
export type FileResult = {
  passed: number
  failed: number
  skipped: number
  /** CPU time (user and system) of the process and of the children it has waited for. */
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
  /** A test that `npm test` leaves out, and `npm run test:all` runs. */
  exhaustive(name: string, body: Body): void
  /** Leaves a test out, loudly. */
  skip(name: string, reason: string): void
  before(body: Body): void
  after(body: Body): void
  beforeEach(body: Body): void
  afterEach(body: Body): void
}

const TIMEOUT_SECONDS = 240

const names = new Set<string>()
/** Of {@link names}, those that run in this tier. */
const registered = new Set<string>()
const passed = new Set<string>()
let skipped = 0

/**
 * A uvu suite that cannot pass silently: it runs without being told to, every test has a timeout (240 s), a throwing
 * `before` fails all its tests, and the process must end by itself once they are through (timers, sockets and child
 * processes left behind keep it alive, and fail the file).
 */
export function suite(title: string, defaults: Options = {}): Suite {
  const inner = uvuSuite(title)
  const seconds = defaults.timeoutSeconds ?? TIMEOUT_SECONDS
  let isEmpty = true
  const test = ((name, body, options = {}) => {
    const id = `${title} › ${name}`
    if (names.has(id)) throw new Error(`two tests are called "${id}"`)
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

/** @throws Error when the runner cannot see in the file's text that it has exhaustive tests, and would not start it */
function isToRun(exhaustive: Exhaustive = false): boolean {
  const file = process.argv[1] ?? ''
  if (exhaustive !== false && isEmptyIn('rest', readFileSync(file, 'utf8')))
    throw new Error(`${file} has exhaustive tests and does not say "exhaustive"`)
  return isInTier(exhaustive)
}

async function within(seconds: number, name: string, body: Body): Promise<void> {
  const timer = Promise.withResolvers<never>()
  const handle = setTimeout(() => timer.reject(new Error(`"${name}" did not end within ${seconds} s`)), seconds * 1000)
  try {
    await Promise.race([body(), timer.promise])
  } catch (error) {
    // uvu swallows what a `before` throws: say it, the missing passes are counted below
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

/** Reads it from /proc, which counts in hundredths of a second; 0 where there is no /proc. */
function readCpuSeconds(): number {
  try {
    // after the name in parentheses: utime, stime, cutime and cstime are fields 14 to 17 of proc(5)
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .slice(11, 15)
    return fields.reduce((sum, ticks) => sum + Number(ticks), 0) / 100
  } catch {
    return 0
  }
}
