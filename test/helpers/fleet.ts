import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { toQuickPath } from './answers.ts'
import { BUCKET, startCloud, type Cloud } from './cloud.ts'
import { startMediad, type Entry, type Mediad } from './process.ts'
import { until } from './wait.ts'

export type FleetOptions = {
  /** Default 1. */
  daemons?: number
  /** Text of the plugin list; default: only the upload of what the plugins before it made. */
  chain?: string
  /** Text in front of the config: plugins of the test's own. */
  code?: string
  /** Text of further members of the config, after those that make everything quick. */
  more?: string
  env?: Readonly<Record<string, string>>
}

/** Daemons, real processes, on one cloud of their own. */
export type Fleet = {
  readonly cloud: Cloud
  readonly daemons: readonly Mediad[]
  /** One more daemon with the same config. */
  start(): Promise<Mediad>
  document(key: string): Promise<JobDocument | null>
  /** The document of the job for `key`, once it is over. */
  over(key: string, seconds?: number): Promise<JobDocument>
  /** Waits until no job has a message or a record any more. */
  quiet(seconds?: number): Promise<void>
  /** Puts a message on the work queue. */
  notify(body: string): Promise<void>
  /** Takes everything there is off the dead queue. */
  dead(): Promise<Record<string, unknown>[]>
  /** Lines of all daemons that report this event, with these fields. */
  said(event: string, fields?: Readonly<Record<string, unknown>>): number
} & AsyncDisposable

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const opened = new AsyncDisposableStack()
  const cloud = opened.use(await startCloud())
  const daemons: Mediad[] = []
  const { queueUrls, env } = cloud.local
  async function start(): Promise<Mediad> {
    const daemon = await startMediad(['start'], {
      env: { ...env, MEDIAD_BUCKET: BUCKET, PATH: toQuickPath(), ...options.env },
      config: toConfigText(options),
    })
    daemons.push(opened.use(daemon))
    await daemon.started(120) // a busy machine
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
  await orDisposed(opened, Promise.all(Array.from({ length: options.daemons ?? 1 }, start)))
  return {
    cloud,
    daemons,
    start,
    document,
    over: (key, seconds) =>
      until(
        `${key} is over`,
        async () => {
          const found = await document(key)
          return found && (found.state === 'succeeded' || found.state === 'dead') ? found : null
        },
        seconds,
      ),
    async quiet(seconds) {
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
    dead: () => takeAll(cloud, queueUrls.dead),
    said(event, fields = {}) {
      const isWanted = (entry: Entry) =>
        entry.event === event && Object.entries(fields).every(([name, value]) => entry[name] === value)
      return daemons.flatMap(({ entries }) => entries).filter(isWanted).length
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** What does not come up takes along what did. */
export async function orDisposed<T>(opened: AsyncDisposable, coming: Promise<T>): Promise<T> {
  try {
    return await coming
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

/** A plugin that makes a small text of the source's size and etag, after `pause` seconds that obey the signal. */
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
 * A plugin that keeps ffmpeg busy for as long as the film lasts, and the machine not at all: it copies in real time. Claims
 * beyond `claims` (default: none) copy as fast as they can.
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
