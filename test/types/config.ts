/** Type tests of `defineConfig` and `env`. The compiler checks this file; it never runs. */
import {
  bearer,
  defineConfig,
  definePlugin,
  env,
  jwt,
  z,
  type Authorize,
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
  http: { host: '::', port: 0, urlSeconds: 60, maxUploadBytes: 1, uploads: { contentTypes: ['video/*'], maxBytes: 1 } },
  shutdown: { graceSeconds: 0 },
  plugins: [note()],
  onEvent: (event) => {
    if (event.type === 'job:failed') event.retryInSeconds.toFixed()
    if (event.type === 'job:succeeded') event satisfies JobSucceeded
    // @ts-expect-error: there is no such event
    if (event.type === 'job:vanished') event satisfies DaemonEvent
    event satisfies DaemonEvent
  },
})

export const adaptive = defineConfig({
  bucket: 'media',
  queues: { ...queues, work: { url: env('A'), concurrency: { max: 8, targetCpu: 0.7 } } },
  plugins: [note()],
})
export const adaptiveSweeper: UserConfig['queues'] = {
  ...queues,
  // @ts-expect-error: the sweeper does not adapt
  inProgress: { url: env('B'), concurrency: { max: 8, targetCpu: 0.7 } },
}

// undefined is the same as an option that is left out
export const undefinedOptions = defineConfig({
  bucket: 'media',
  queues,
  plugins: [note()],
  http: { port: undefined },
  onEvent: undefined,
})

export const ownFunction: Authorize = async (request) =>
  request.headers.has('cookie') ? { id: 'a' } : new Response(null, { status: 401 })
export const authorized = [
  'none' as const,
  ownFunction,
  bearer({ tokens: { x: 'a' } }),
  bearer({ tokens: [{ token: 'x', id: 'a' }] }),
].map((authorize) => defineConfig({ bucket: 'media', queues, plugins: [note()], http: { authorize } }))
export const tokens = [
  jwt({ jwks: 'https://a/keys', audience: 'a', issuer: ['b', 'c'], id: 'email' }),
  jwt({
    secret: env('S'),
    audience: null,
    issuer: null,
    id: ({ sub }) => String(sub),
    clockToleranceSeconds: 0,
    cookie: 'a',
  }),
] satisfies Authorize[]
// @ts-expect-error: an identity has an id
export const noId: Authorize = () => ({ name: 'a' })
// @ts-expect-error: a decision is needed for every request
export const undecided: Authorize = () => undefined
// @ts-expect-error: a token needs an audience
export const noAudience = jwt({ secret: 'x', issuer: 'a' })
// @ts-expect-error: there are no other words than "none"
export const everyone = defineConfig({ bucket: 'media', queues, plugins: [note()], http: { authorize: 'all' } })

// @ts-expect-error: the bucket has no default
export const noBucket = defineConfig({ queues, plugins: [note()] })
// @ts-expect-error: the plugins have no default
export const noPlugins = defineConfig({ bucket: 'media', queues })
// @ts-expect-error: every queue needs a URL
export const noUrl: UserConfig['queues'] = { ...queues, work: { concurrency: 2 } }
// @ts-expect-error: an option is misspelled
export const misspelled = defineConfig({ bucket: 'media', queues, plugins: [note()], jobs: { attempts: 3 } })
// @ts-expect-error: a nested option is misspelled
export const misspelledNested = defineConfig({ bucket: 'media', queues, plugins: [note()], job: { atempts: 3 } })
// @ts-expect-error: a port is a number
export const portAsText = defineConfig({ bucket: 'media', queues, plugins: [note()], http: { port: '3000' } })
// @ts-expect-error: the plugin function is not called
export const uncalled = defineConfig({ bucket: 'media', queues, plugins: [note] })
// @ts-expect-error: the dead-letter queue is not polled
export const polledDead: UserConfig['queues'] = { ...queues, dead: { url: env('C'), poll: '* * * * * *' } }

export function readsResolved(config: Config): string {
  const port: number = config.http.port
  const poll: string = config.queues.inProgress.poll
  // @ts-expect-error: a config is read-only
  config.http.port = 1
  // @ts-expect-error: lists are read-only, too
  config.plugins.push(note())
  return `${port}${poll}`
}

export const overrides: Overrides = { queues: { work: { url: 'http://127.0.0.1/work' } }, http: { port: 0 } }
// @ts-expect-error: an option is misspelled
export const wrongOverrides: Overrides = { queues: { wrok: { url: 'http://127.0.0.1/work' } } }
