/** Checked by the compiler, never run: what `defineConfig` and `env` accept, and what they refuse. */
import {
  defineConfig,
  definePlugin,
  env,
  z,
  type Config,
  type DaemonEvent,
  type JobSucceeded,
  type UserConfig,
} from '../../daemon/index.ts'
import type { Overrides } from '../../daemon/config/load.ts'

const note = definePlugin('note', z.object({}), () => ({ run() {} }))
const queues = {
  work: { url: env('A') },
  inProgress: { url: env('B', 'fallback') },
  dead: { url: 'http://127.0.0.1/dead' },
}

export const smallest: UserConfig = defineConfig({ bucket: 'media', queues, plugins: [note()] })

export const everything = defineConfig({
  bucket: 'media',
  source: { prefix: 'origin_' },
  state: { prefix: '.mediad/' },
  queues: {
    work: { url: env('A'), poll: '* * * * * *', concurrency: 4 },
    inProgress: { url: env('B'), concurrency: 1 },
    dead: { url: env('C') },
  },
  job: { attempts: 1, leaseSeconds: 60, recheckSeconds: 30, backoffSeconds: 5 },
  workspace: { directory: '/var/lib/mediad' },
  ffmpeg: { path: 'ffmpeg', probePath: 'ffprobe', stallSeconds: 60 },
  http: { host: '::', port: 0, urlSeconds: 60, maxUploadBytes: 1 },
  shutdown: { graceSeconds: 0 },
  plugins: [note()],
  onEvent: (event) => {
    if (event.type === 'job:failed') event.retryInSeconds.toFixed()
    if (event.type === 'job:succeeded') event satisfies JobSucceeded
    // @ts-expect-error: an event that does not exist
    if (event.type === 'job:buried') event satisfies DaemonEvent
    event satisfies DaemonEvent
  },
})

// a value may be left open: undefined counts as left out
export const open = defineConfig({
  bucket: 'media',
  queues,
  plugins: [note()],
  http: { port: undefined },
  onEvent: undefined,
})

// @ts-expect-error: the bucket has no default
export const noBucket = defineConfig({ queues, plugins: [note()] })
// @ts-expect-error: the plugins have no default
export const noPlugins = defineConfig({ bucket: 'media', queues })
// @ts-expect-error: every queue needs a URL
export const noUrl: UserConfig['queues'] = { ...queues, work: { concurrency: 2 } }
// @ts-expect-error: a misspelt option
export const misspelt = defineConfig({ bucket: 'media', queues, plugins: [note()], jobs: { attempts: 3 } })
// @ts-expect-error: a misspelt option further down
export const misspeltInside = defineConfig({ bucket: 'media', queues, plugins: [note()], job: { atempts: 3 } })
// @ts-expect-error: a port is a number
export const portAsText = defineConfig({ bucket: 'media', queues, plugins: [note()], http: { port: '3000' } })
// @ts-expect-error: a plugin is called
export const uncalled = defineConfig({ bucket: 'media', queues, plugins: [note] })
// @ts-expect-error: the dead queue is never polled
export const polledDead: UserConfig['queues'] = { ...queues, dead: { url: env('C'), poll: '* * * * * *' } }

export function readsResolved(config: Config): string {
  const port: number = config.http.port
  const poll: string = config.queues.inProgress.poll
  // @ts-expect-error: a config is frozen
  config.http.port = 1
  // @ts-expect-error: and so are its lists
  config.plugins.push(note())
  return `${port}${poll}`
}

export const overrides: Overrides = { queues: { work: { url: 'http://127.0.0.1/work' } }, http: { port: 0 } }
// @ts-expect-error: overrides are options too
export const wrongOverrides: Overrides = { queues: { wrok: { url: 'http://127.0.0.1/work' } } }
