import { writeFileSync } from 'node:fs'
import { suite as uvuSuite } from 'uvu'

/** What one test file tells the runner when its process ends. */
export type FileResult = { passed: number; failed: number; skipped: number }

type Body = () => void | Promise<void>
type Options = { timeoutSeconds?: number }

export type Suite = {
  (name: string, body: Body, options?: Options): void
  /** Leaves a test out, loudly. */
  skip(name: string, reason: string): void
  before(body: Body): void
  after(body: Body): void
  beforeEach(body: Body): void
  afterEach(body: Body): void
}

const TIMEOUT_SECONDS = 240

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
  const test = ((name, body, options = {}) => {
    const id = `${title} › ${name}`
    if (registered.has(id)) throw new Error(`two tests are called "${id}"`)
    registered.add(id)
    inner(name, async () => {
      await within(options.timeoutSeconds ?? seconds, name, body)
      passed.add(id)
    })
  }) as Suite
  test.skip = (name, reason) => {
    skipped++
    process.stdout.write(`  SKIPPED ${title} › ${name}: ${reason}\n`)
  }
  test.before = (body) => inner.before(() => within(seconds, 'before', body))
  test.after = (body) => inner.after(() => within(seconds, 'after', body))
  test.beforeEach = (body) => inner.before.each(() => within(seconds, 'before each', body))
  test.afterEach = (body) => inner.after.each(() => within(seconds, 'after each', body))
  setImmediate(() => inner.run())
  return test
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
  if (failed > 0 || registered.size + skipped === 0) process.exitCode = 1
  const result: FileResult = { passed: passed.size, failed, skipped }
  if (process.env.MEDIAD_TEST_RESULT) writeFileSync(process.env.MEDIAD_TEST_RESULT, JSON.stringify(result))
  for (const id of registered) if (!passed.has(id)) process.stdout.write(`  NOT PASSED ${id}\n`)
})
