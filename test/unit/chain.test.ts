import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createRunChain, PluginFailure } from '../../daemon/pipeline/chain.ts'
import type { ChainJob } from '../../daemon/pipeline/context.ts'
import { roundSeconds } from '../../daemon/vocabulary/clock.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { openPlugins } from '../../daemon/pipeline/plugins.ts'
import type { Plugin, PluginHooks, RunContext } from '../../daemon/vocabulary/plugin.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { JOB, route, source } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { aProbe } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const log = createTestLog()

/** Creates plugins that record each call of a hook in `calls`; `run` and `setup` can be replaced. */
function createPlugins() {
  const calls: string[] = []
  const make = (name: string, { run, setup }: Partial<PluginHooks> = {}): Plugin => ({
    name,
    problems: [],
    hooks: {
      keys: ['{name}.txt'],
      async setup(context) {
        calls.push(`setup ${name}`)
        await setup?.(context)
      },
      async run(context) {
        calls.push(`run ${name}`)
        await run?.(context)
      },
      teardown: () => void calls.push(`teardown ${name}`),
    },
  })
  return { calls, make }
}

function makeJob(change: Partial<ChainJob> = {}): ChainJob {
  return {
    document: { id: JOB, attempt: 1, claim: 1, source },
    scope: { id: JOB, version: 'v1', source, route, routes: [route] as const, statePrefix: '.mediad/' },
    workspace: '/nowhere',
    input: '/nowhere/source',
    probe: aProbe(),
    signal: new AbortController().signal,
    log,
    onProgress: () => undefined,
    onWarning: () => undefined,
    upload: async ({ key, kind, contentType, sizeBytes, seconds }) => ({
      key,
      kind,
      contentType,
      sizeBytes,
      seconds,
      etag: 'e',
    }),
    ...change,
  }
}

const runChain = createRunChain({
  ffmpeg: async () => assert.unreachable('no plugin here runs ffmpeg') as never,
  inspect: async () => aProbe(),
  maxSeconds: 60,
  plugin: { pluginSeconds: 3600 },
})

const fail = (message: string) => () => {
  throw new Error(message)
}

async function thrown(act: () => Promise<unknown>): Promise<unknown> {
  return act().then(
    () => assert.unreachable('expected an error'),
    (error: unknown) => error,
  )
}

const test = suite('chain')

test('sets up in order, and tears down in reverse order', async () => {
  const { calls, make } = createPlugins()
  const opened = await openPlugins([make('a'), make('b'), make('c')], log)
  assert.equal(calls.splice(0), ['setup a', 'setup b', 'setup c'])
  await opened.release()
  assert.equal(calls, ['teardown c', 'teardown b', 'teardown a'])
})

test('tears down only the plugins that were set up', async () => {
  const { calls, make } = createPlugins()
  const plugins = [make('a'), make('b', { setup: fail('no room') }), make('c')]
  assert.match(String(await thrown(() => openPlugins(plugins, log))), 'no room')
  assert.equal(calls, ['setup a', 'setup b', 'teardown a'])
})

test('sets up a plugin once if several chains share it', async () => {
  const { calls, make } = createPlugins()
  const [shared, first, second] = [make('shared'), make('first'), make('second')]
  const chains = [
    [first, shared],
    [second, shared],
  ]
  const opened = await openPlugins(chains.flat(), log)
  for (const plugins of chains) await runChain(plugins, makeJob())
  await opened.release()
  assert.is(calls.splice(0, 3).join(), 'setup first,setup shared,setup second')
  assert.is(calls.splice(0, 4).join(), 'run first,run shared,run second,run shared')
  assert.is(calls.join(), 'teardown second,teardown shared,teardown first')
})

test('runs plugins in order; each run has its own artifacts and outputs', async () => {
  await using folder = await temporaryFolder()
  const { make } = createPlugins()
  const options = { key: '{name}.txt', contentType: 'text/plain' }
  await writeFile(join(folder.path, 'note.txt'), 'text')
  const skipper = make('skipper', { run: ({ skip }) => skip('no video') })
  const writer = make('writer', { run: async ({ add }) => void (await add('note.txt', 'note', options)) })
  const uploader = make('uploader', {
    async run({ storage, artifacts }: RunContext) {
      for (const artifact of artifacts) await storage.upload(artifact)
    },
  })
  for (const _ of [1, 2]) {
    const { outputs, timings } = await runChain([skipper, writer, uploader], makeJob({ workspace: folder.path }))
    assert.is(outputs.map(({ key, etag }) => `${key} ${etag}`).join(), 'a.txt e')
    assert.is(timings.map(({ plugin, skipped }) => `${plugin} ${skipped}`).join(), RAN)
  }
})

const RAN = 'skipper no video,writer undefined,uploader undefined'

test('stops at a plugin that fails, and reports it with the timings up to that point', async () => {
  const { calls, make } = createPlugins()
  const plugins = [make('a'), make('b', { run: fail('broken') }), make('c')]
  const error = await thrown(() => runChain(plugins, makeJob()))
  if (!(error instanceof PluginFailure)) throw error
  assert.equal([error.plugin, error.timings.map(({ plugin }) => plugin)], ['b', ['a', 'b']])
  assert.equal(calls, ['run a', 'run b'])
})

test('logs the stack of what a plugin throws at debug', async () => {
  const { make } = createPlugins()
  const lines: LoggedLine[] = []
  const run = fail('broken')
  await thrown(() => runChain([make('a', { run })], makeJob({ log: createTestLog(lines) })))
  const line = lines.find(({ event }) => event === 'plugin.failed')
  assert.equal([line?.level, line?.plugin], ['debug', 'a'])
  assert.match(String(line?.stack), 'chain.test.ts')
})

test('fails if an artifact was not uploaded, and names the plugin that added it', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'note.txt'), 'text')
  const { make } = createPlugins()
  const options = { key: '{name}.txt', contentType: 'text/plain' }
  const writer = make('writer', { run: async ({ add }) => void (await add('note.txt', 'note', options)) })
  const idle = make('idle')
  const job = makeJob({ workspace: folder.path })
  const error = await thrown(() => runChain([writer, idle], job))
  if (!(error instanceof PluginFailure)) throw error
  const { code, verdict, message } = error.cause as MediadError
  assert.equal([error.plugin, code, verdict, error.timings.length], ['writer', 'output.unpublished', 'reject', 2])
  assert.match(message, 'a.txt')
  const elsewhere: Plugin = { name: 'elsewhere', problems: [], hooks: { publishes: 'elsewhere', run: () => {} } }
  assert.equal((await runChain([writer, elsewhere], job)).outputs, [])
  assert.match(String(await thrown(() => runChain([elsewhere, writer], job))), 'a.txt')
})

const steps = ({ progress }: RunContext) => [0.5, 0.25, 1].forEach(progress)

test('reports the progress of the chain by the weights of its plugins, and that of the plugin beside it', async () => {
  const reported: [string | null, number, number | undefined][] = []
  const onProgress: ChainJob['onProgress'] = ({ plugin, percent, pluginPercent }) =>
    void reported.push([plugin, percent, pluginPercent])
  const plugins: Plugin[] = [
    { name: 'long', problems: [], hooks: { weight: 3, run: steps } },
    { name: 'short', problems: [], hooks: { run: steps } },
  ]
  await runChain(plugins, makeJob({ onProgress }))
  assert.equal(reported, [
    ['long', 0, 0],
    ['long', 38, 50],
    ['long', 38, 25],
    ['long', 75, 100],
    ['short', 75, 0],
    ['short', 88, 50],
    ['short', 88, 25],
    ['short', 100, 100],
  ])
})

test('names the plugin that ran when the lease was lost, even if it was the last one and returned', async () => {
  const { make } = createPlugins()
  const lost = new AbortController()
  const run = () => lost.abort(new MediadError('lease.lost', 'gone'))
  const error = await thrown(() => runChain([make('a'), make('b', { run })], makeJob({ signal: lost.signal })))
  if (!(error instanceof PluginFailure)) throw error
  assert.equal([error.plugin, (error.cause as MediadError).code], ['b', 'lease.lost'])
})

test('lets a job succeed whose last plugin returned although the daemon stops', async () => {
  const { make } = createPlugins()
  const stop = new AbortController()
  const run = () => stop.abort(new MediadError('daemon.stopping', 'stopped'))
  assert.is((await runChain([make('a', { run })], makeJob({ signal: stop.signal }))).timings.length, 1)
})

test('rounds the times of a plugin to milliseconds', async () => {
  const { make } = createPlugins()
  const { timings } = await runChain([make('a')], makeJob())
  for (const { seconds, cpuSeconds } of timings)
    assert.equal([seconds, cpuSeconds].map(roundSeconds), [seconds, cpuSeconds])
})

test('runs no plugin after the job was aborted', async () => {
  const { calls, make } = createPlugins()
  const stop = new AbortController()
  const plugins = [make('a', { run: () => stop.abort(new Error('stopped')) }), make('b')]
  assert.match(String(await thrown(() => runChain(plugins, makeJob({ signal: stop.signal })))), 'stopped')
  assert.equal(calls, ['run a'])
})

test('records up to 10 notes of a plugin next to its time', async () => {
  const { make } = createPlugins()
  const plugin = make('chooser', {
    run: ({ note }) => {
      for (let n = 1; n <= 11; n++) note(`decision ${n} ${'x'.repeat(600)}`)
    },
  })
  const { timings } = await runChain([plugin], makeJob())
  const [{ notes = [] } = {}] = timings
  assert.is(notes.length, 10)
  assert.match(notes[9] ?? '', /^decision 10 x+$/)
  assert.is(notes[0]?.length, 500)
})
