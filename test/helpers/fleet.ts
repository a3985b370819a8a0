import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { toCachedProgramsPath } from './cached-programs.ts'
import { BUCKET, startCloud, type Cloud } from './cloud.ts'
import { startMediad, type Entry, type Mediad } from './process.ts'
import { until } from './wait.ts'

export type FleetOptions = {
  /** Default 1. */
  daemons?: number
  /** Source text of the plugin list. Default: `[upload()]`. */
  chain?: string
  /** Source text placed before the config, such as plugins of the test. */
  code?: string
  /** Source text of further config members. They follow, and override, the short intervals of the fleet. */
  more?: string
  env?: Readonly<Record<string, string>>
  /** Starts each daemon in a terminal of its own. Default false. */
  terminal?: boolean
}

/** Daemons as real processes that share one embedded S3 and SQS. */
export type Fleet = {
  readonly cloud: Cloud
  readonly daemons: readonly Mediad[]
  /** Starts one more daemon with the same config. */
  start(): Promise<Mediad>
  /** Reads the document of the job for `key`; null when there is none. */
  document(key: string): Promise<JobDocument | null>
  /** Waits until the job for `key` is finished, and returns its document. */
  waitUntilFinished(key: string, seconds?: number): Promise<JobDocument>
  /** Waits until the work queue and the in-progress queue are empty. */
  waitUntilDrained(seconds?: number): Promise<void>
  /** Sends a message to the work queue. */
  notify(body: string): Promise<void>
  /** Receives all messages of the dead-letter queue. */
  takeDeadMessages(): Promise<Record<string, unknown>[]>
  /** Counts the log lines of all daemons with this event and these fields. */
  countEvents(event: string, fields?: Readonly<Record<string, unknown>>): number
} & AsyncDisposable

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const opened = new AsyncDisposableStack()
  const cloud = opened.use(await startCloud())
  const daemons: Mediad[] = []
  const { queueUrls, env } = cloud.local
  async function start(): Promise<Mediad> {
    const daemon = await startMediad(['start'], {
      env: { ...env, MEDIAD_BUCKET: BUCKET, PATH: toCachedProgramsPath(), ...options.env },
      config: { name: 'media.config.mjs', text: toConfigText(options) },
      terminal: options.terminal ?? false,
    })
    daemons.push(opened.use(daemon))
    await daemon.started(120) // the machine may be busy
    return daemon
  }
  async function document(key: string): Promise<JobDocument | null> {
    const path = `.mediad/jobs/${toJobId(BUCKET, key)}.json`
    const body = await cloud.get(path).catch((error: Error) => {
      if (error.name === 'NoSuchKey') return null
      throw error
    })
    return body && (JSON.parse(body.toString()) as JobDocument)
  }
  await disposeOnError(opened, Promise.all(Array.from({ length: options.daemons ?? 1 }, start)))
  return {
    cloud,
    daemons,
    start,
    document,
    waitUntilFinished: (key, seconds) =>
      until(
        `the job for ${key} is finished`,
        async () => {
          const found = await document(key)
          return found && (found.state === 'succeeded' || found.state === 'dead') ? found : null
        },
        seconds,
      ),
    async waitUntilDrained(seconds) {
      await until(
        'work and in-progress are empty',
        async () => {
          const counts = await Promise.all([cloud.messages(queueUrls.work), cloud.messages(queueUrls.inProgress)])
          return counts.every(({ visible, hidden, delayed }) => visible + hidden + delayed === 0)
        },
        seconds,
      )
    },
    async notify(body) {
      await cloud.sqs.send(new SendMessageCommand({ QueueUrl: queueUrls.work, MessageBody: body }))
    },
    takeDeadMessages: () => takeAll(cloud, queueUrls.dead),
    countEvents(event, fields = {}) {
      const isWanted = (entry: Entry) =>
        entry.event === event && Object.entries(fields).every(([name, value]) => entry[name] === value)
      return daemons.flatMap(({ entries }) => entries).filter(isWanted).length
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Waits for `pending`, and disposes of `opened` when it rejects. */
export async function disposeOnError<T>(opened: AsyncDisposable, pending: Promise<T>): Promise<T> {
  try {
    return await pending
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}

async function takeAll({ sqs }: Cloud, QueueUrl: string): Promise<Record<string, unknown>[]> {
  const bodies: Record<string, unknown>[] = []
  for (;;) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
    if (Messages.length === 0) return bodies
    bodies.push(...Messages.map(({ Body = '{}' }) => JSON.parse(Body) as Record<string, unknown>))
  }
}

function toConfigText({ chain = '[upload()]', code = '', more = '' }: FleetOptions): string {
  return `
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineConfig, definePlugin, env, MediadError, z } from 'mediad'
import { thumbnail, transcode, upload } from 'mediad/plugins'
${code}
export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), poll: '* * * * * *', concurrency: 2 },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL'), poll: '* * * * * *' },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  job: { attempts: 3, leaseSeconds: 12, recheckSeconds: 1, backoffSeconds: 1 },
  http: { port: 0 },
  plugins: ${chain},
  ${more}
})
`
}

/** The plugin `note({ pause })`: after `pause` seconds (default 0) it writes a text file with the source's etag and size. */
export const noteCode = `
const note = definePlugin('note', z.object({ pause: z.number().default(0) }), ({ pause }) => ({
  keys: ['note_{name}.txt'],
  async run({ workspace, source, job, signal, add }) {
    await sleep(pause * 1000, undefined, { signal })
    const path = join(workspace, 'note.txt')
    await writeFile(path, source.etag + ' ' + source.sizeBytes + ' claim ' + job.claim)
    await add(path, 'note', { key: 'note_{name}.txt', contentType: 'text/plain' })
  },
}))
`

/**
 * The plugin `pace({ claims })`: copies the source with ffmpeg in real time, which takes as long as the video and almost no
 * CPU time. Claims with a number above `claims` (default: none) copy at full speed.
 */
export const paceCode = `
const pace = definePlugin('pace', z.object({ claims: z.number().optional() }), ({ claims }) => ({
  keys: ['paced_{name}.mp4'],
  async run({ job, workspace, probe, ffmpeg, add, progress }) {
    const path = join(workspace, 'paced.mp4')
    const outputs = [{ path, options: ['-c', 'copy'] }]
    const inputOptions = claims === undefined || job.claim <= claims ? ['-re'] : []
    await ffmpeg({ inputOptions, outputs, durationSeconds: probe.durationSeconds, onProgress: progress })
    await add(path, 'video', { key: 'paced_{name}.mp4', contentType: 'video/mp4' })
  },
}))
`
