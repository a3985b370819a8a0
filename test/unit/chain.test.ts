import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createRunChain, PluginFailure } from '../../daemon/pipeline/chain.ts'
import type { ChainJob } from '../../daemon/pipeline/context.ts'
import { openPlugins } from '../../daemon/pipeline/plugins.ts'
import type { Plugin, PluginHooks, RunContext } from '../../daemon/vocabulary/plugin.ts'
import { createTestLog } from '../helpers/context.ts'
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
    scope: { id: JOB, source, route, routes: [route] as const, statePrefix: '.mediad/' },
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

test('runs no plugin after the job was aborted', async () => {
  const { calls, make } = createPlugins()
  const stop = new AbortController()
  const plugins = [make('a', { run: () => stop.abort(new Error('stopped')) }), make('b')]
  assert.match(String(await thrown(() => runChain(plugins, makeJob({ signal: stop.signal })))), 'stopped')
  assert.equal(calls, ['run a'])
})
