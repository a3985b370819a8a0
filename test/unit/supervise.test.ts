import * as assert from 'uvu/assert'
import { setTimeout as delay } from 'node:timers/promises'
import { supervise, type PluginLimits, type SupervisedRun } from '../../daemon/pipeline/supervise.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Warning } from '../../daemon/vocabulary/job.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('supervising a plugin')

const generous = { pluginSeconds: 3600, graceSeconds: 3600, blockedSeconds: 3600 }

/** Runs a plugin, and returns its error (null if there was none), log lines and warnings. */
async function watch(run: SupervisedRun['run'], options: Partial<SupervisedRun & PluginLimits> = {}) {
  const lines: LoggedLine[] = []
  const warnings: Warning[] = []
  const supervised = { plugin: 'odd', maxSeconds: undefined, signal: new AbortController().signal, run, ...options }
  const recorded = { log: createTestLog(lines), onWarning: (warning: Warning) => void warnings.push(warning) }
  const error = await supervise({ ...supervised, ...recorded }, { ...generous, ...options }).then(
    () => null,
    (thrown: MediadError) => thrown,
  )
  return { error, lines, warnings }
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
const never = () => new Promise<void>(() => undefined)

test('returns when the plugin does, and throws what it throws', async () => {
  assert.equal(await watch(() => undefined), { error: null, lines: [], warnings: [] })
  for (const run of [async () => Promise.reject(new Error('broken')), () => assert.unreachable('broken')]) {
    const { error, lines } = await watch(run)
    assert.equal([error?.message, lines], ['broken', []])
  }
})

test('aborts a plugin whose time is used up, and names it', async () => {
  const { error, warnings } = await watch(untilAborted, { pluginSeconds: 0.01 })
  assert.equal([error?.code, error?.verdict, warnings], ['internal.plugin_timeout', 'retry', []])
  assert.match(error?.message ?? '', /plugin odd did not return within 0\.01 s \(limits\.pluginSeconds\)/)
  const own = await watch(untilAborted, { maxSeconds: 0.02 })
  assert.match(own.error?.message ?? '', /within 0\.02 s \(its own limit\)/)
})

test('fails a plugin that returns after its time is used up', async () => {
  const { error } = await watch((signal) => untilAborted(signal).catch(() => undefined), { pluginSeconds: 0.01 })
  assert.is(error?.code, 'internal.plugin_timeout')
})

test('continues without a plugin that ignores its signal, and names it in the log and in a warning', async () => {
  const { error, lines, warnings } = await watch(never, { pluginSeconds: 0.01, graceSeconds: 0.01 })
  assert.is(error?.code, 'internal.plugin_timeout')
  assert.equal(
    lines.map(({ level, event, plugin, seconds }) => [level, event, plugin, seconds]),
    [['error', 'plugin.unresponsive', 'odd', 0.01]],
  )
  assert.equal(
    warnings.map(({ plugin }) => plugin),
    ['odd'],
  )
})

test('throws the reason for which the job ended, not what the plugin makes of it', async () => {
  const stop = new AbortController()
  const running = watch(untilAborted, { signal: stop.signal })
  stop.abort(new MediadError('daemon.stopping', 'stopped'))
  assert.is((await running).error?.code, 'daemon.stopping')
  const ignoring = await watch(never, { signal: stop.signal, graceSeconds: 0.01 })
  assert.equal([ignoring.error?.code, ignoring.lines[0]?.event], ['daemon.stopping', 'plugin.unresponsive'])
})

/** Blocks the event loop for at least 50 ms. */
function block(): void {
  const until = performance.now() + 50
  while (performance.now() < until) continue
}

async function blockAndWait(): Promise<void> {
  block()
  await delay(5)
}

test('reports for how long a plugin blocked the event loop', async () => {
  for (const run of [block, blockAndWait]) {
    const { error, lines, warnings } = await watch(run, { blockedSeconds: 0.03 })
    const [line] = lines
    assert.equal([error, line?.event, line?.plugin], [null, 'plugin.blocked', 'odd'])
    assert.ok((line?.seconds as number) >= 0.03)
    assert.match(warnings[0]?.message ?? '', /event loop was blocked for \d+\.\d s/)
  }
})
