import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { openClients, BUCKET, type Clients } from '../helpers/cloud.ts'
import { startCloudProcess } from '../helpers/cloud-process.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { startMediad, type Entry, type Mediad } from '../helpers/process.ts'
import { until } from '../helpers/wait.ts'

const root = join(import.meta.dirname, '../..')

/** An embedded S3 and SQS in a process of its own, so that its CPU time and its pauses are not those of the benchmark. */
export type Site = Clients & {
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
} & AsyncDisposable

export async function openSite(): Promise<Site> {
  const folder = await temporaryFolder()
  const cloud = await startCloudProcess(join(folder.path, 'cloud'))
  const clients = openClients({ env: cloud.env })
  return {
    ...clients,
    env: { ...cloud.env, MEDIAD_BUCKET: BUCKET },
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      clients.close()
      cloud.kill()
      await cloud.ended
      await folder[Symbol.asyncDispose]()
    },
  }
}

export type ConfigOptions = {
  /** Source text of the plugin list. */
  chain: string
  /** Default 2. */
  concurrency?: number
  /** Source text before the config, such as plugins. */
  code?: string
  /** Source text of further members of the config. */
  more?: string
}

/** Returns a config with the intervals of the repository's `media.config.ts`. */
export function toConfig({ chain, concurrency = 2, code = '', more = '' }: ConfigOptions): string {
  return `
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineConfig, definePlugin, env, z } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'
${code}
export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  source: { prefix: 'origin_' },
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), poll: '*/5 * * * * *', concurrency: ${concurrency} },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL'), poll: '*/7 * * * * *', concurrency: 1 },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  job: { attempts: 5, leaseSeconds: 60 },
  http: { port: 0 },
  plugins: ${chain},
  ${more}
})
`
}

/** The default chain of `media.config.ts`. */
export const defaultChain = `[transcode({ codec: 'h264', crf: 23, preset: 'medium' }), thumbnail({ at: '10%' }), upload()]`

/** A plugin that does nothing; `sleep` makes it wait that many seconds. */
export const idleCode = `
const idle = definePlugin('idle', z.object({ sleep: z.number().default(0) }), ({ sleep: seconds }) => ({
  async run({ signal }) {
    if (seconds > 0) await sleep(seconds * 1000, undefined, { signal })
  },
}))
`

let program: readonly string[] | undefined

/** Builds mediad, and starts the built program from now on: it is measured as it is installed, not as its tests run it. */
export function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root })
  program = [join(root, 'dist/daemon/main.js')]
}

/** Starts a daemon on a site, with its log level at `info` as in production, and waits until it receives messages. */
export async function startDaemon({ env }: Pick<Site, 'env'>, config: string, more = {}): Promise<Mediad> {
  const daemon = await startMediad(['start'], {
    env: { ...env, MEDIAD_LOG_LEVEL: 'info', ...more },
    config: { name: 'media.config.mjs', text: config },
    ...(program && { program }),
  })
  await daemon.started()
  return daemon
}

/** Waits until so many of the jobs whose keys contain `part` have succeeded, and returns the log lines of their ends. */
export async function waitForJobs(daemons: readonly Mediad[], part: string, jobs: number): Promise<Entry[]> {
  const find = () => {
    const entries = daemons.flatMap((daemon) => daemon.entries)
    const started = entries.filter(({ event, key }) => event === 'job.started' && String(key).includes(part))
    const ids = new Set(started.map(({ job }) => job))
    return entries.filter(({ event, job }) => ends.has(String(event)) && ids.has(job))
  }
  await until(`${jobs} jobs of ${part} have ended`, () => find().length >= jobs, 3600)
  const failed = find().find(({ event }) => event !== 'job.succeeded')
  if (failed) throw new Error(`a job did not succeed: ${failed.text}`)
  return find()
}

const ends = new Set(['job.succeeded', 'job.failed', 'job.dead_lettered', 'job.abandoned'])
