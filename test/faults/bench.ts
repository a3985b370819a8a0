import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { disposeOnError, startFleet, type Fleet, type FleetOptions } from '../helpers/fleet.ts'
import { until } from '../helpers/wait.ts'
import { createGate } from '../helpers/gate.ts'
import { findViolations } from './invariants.ts'
import { openFaultProxy, type FaultProxy } from './proxy.ts'
import { WAIT_SECONDS } from '../helpers/parallel.ts'
import { findFfmpeg, toJobConfig, type Bench, type Member } from './setup.ts'

export type { Bench, Member } from './setup.ts'

export type BenchOptions = Omit<FleetOptions, 'env'>

/** Default job config. A daemon keeps this lease on any machine: one heartbeat in fifty seconds is enough. */
const longLease = toJobConfig({ leaseSeconds: 60 })

/**
 * Starts daemons behind fault-injecting proxies. The lease is 60 s unless `more` starts with `job:`. `await using` ends all
 * processes and removes all files.
 */
export async function startBench({ daemons = 1, more = '', ...options }: BenchOptions = {}): Promise<Bench> {
  const gate = await createGate()
  const env: Record<string, string> = { NODE_COMPILE_CACHE: getCompileCache(), ...gate.env }
  const settings = more.startsWith('job:') ? more : `${longLease} ${more}`
  const attempts = Number(/attempts: (\d+)/.exec(settings)?.[1])
  const fleet = await startFleet({ ...options, more: settings, daemons: 0, env })
  const { cloud } = fleet
  const members: Member[] = []
  const uploads = new Set<string>()

  async function start(
    prepare?: (proxy: FaultProxy) => void,
    overrides: Readonly<Record<string, string>> = {},
  ): Promise<Member> {
    const proxy = await openFaultProxy({ s3: cloud.local.s3Endpoint, sqs: cloud.local.sqsEndpoint })
    proxies.push(proxy)
    prepare?.(proxy)
    // fleet.start() reads `env` synchronously
    const daemon = await limitStarts(() => {
      Object.assign(env, { NODE_OPTIONS: '' }, toEnvironment(cloud.local.queueUrls, proxy), overrides)
      return fleet.start()
    })
    const member = { proxy, daemon }
    members.push(member)
    return member
  }

  const proxies: FaultProxy[] = []
  const bench: Bench = {
    ...fleet,
    members,
    get first() {
      const [member] = members
      if (member === undefined) throw new Error('no daemon has been started')
      return member
    },
    start,
    openGate: gate.open,
    upload(key, body) {
      uploads.add(key)
      return cloud.put(key, body)
    },
    async send(queue, body) {
      await cloud.sqs.send(new SendMessageCommand({ QueueUrl: cloud.local.queueUrls[queue], MessageBody: body }))
    },
    isIdle: () => isIdle(bench, uploads),
    waitUntilIdle: (seconds) => waitForIdle(bench, seconds),
    checkInvariants: async (expected = {}) => {
      const violations = await findViolations({ bench, uploads, attempts, expected })
      if (violations.length > 0)
        throw new Error(`violated invariants:\n  ${violations.join('\n  ')}\n${await describeState(bench)}`)
    },
    async [Symbol.asyncDispose]() {
      // members first: without its proxy, a daemon logs errors
      for (const { daemon } of members) await daemon[Symbol.asyncDispose]()
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
      await fleet[Symbol.asyncDispose]()
      await gate[Symbol.asyncDispose]()
    },
  }
  await disposeOnError(bench, Promise.all(Array.from({ length: daemons }, () => start())))
  return bench
}

/** Limit of concurrent starts. A start takes mostly CPU time, so more at a time would slow down all of them. */
const STARTS_AT_ONCE = 3
const starting: Promise<unknown>[] = Array.from({ length: STARTS_AT_ONCE }, () => Promise.resolve())
let starts = 0

/** Runs `start` once fewer than {@link STARTS_AT_ONCE} others are running. */
function limitStarts<T>(start: () => Promise<T>): Promise<T> {
  const lane = starts++ % STARTS_AT_ONCE
  const next = (starting[lane] ?? Promise.resolve()).then(start)
  starting[lane] = next.catch(() => undefined) // the caller gets the error
  return next
}

let folder: string | undefined

/**
 * Returns the folder of Node's compile cache for all daemons of this process, or of the whole test run. Most of a daemon's
 * start time is spent on compiling its source.
 */
function getCompileCache(): string {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return process.env.NODE_COMPILE_CACHE
  if (folder !== undefined) return folder
  const created = mkdtempSync(join(tmpdir(), 'mediad-compiled-'))
  process.once('exit', () => rmSync(created, { recursive: true, force: true }))
  return (folder = created)
}

function toEnvironment(queueUrls: Fleet['cloud']['local']['queueUrls'], { s3Url, sqsUrl }: FaultProxy) {
  const toProxied = (url: string) => `${sqsUrl}${new URL(url).pathname}`
  return {
    AWS_ENDPOINT_URL_S3: s3Url,
    AWS_ENDPOINT_URL_SQS: sqsUrl,
    MEDIAD_WORK_QUEUE_URL: toProxied(queueUrls.work),
    MEDIAD_IN_PROGRESS_QUEUE_URL: toProxied(queueUrls.inProgress),
    MEDIAD_DEAD_QUEUE_URL: toProxied(queueUrls.dead),
  }
}

/** Pause before each check of {@link Bench.isIdle}, because frequent checks would take CPU time from the daemons. */
const POLL_MS = 500

async function waitForIdle(bench: Bench, seconds = WAIT_SECONDS): Promise<void> {
  try {
    await until('the bench is idle', () => bench.isIdle(), seconds)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await describeState(bench)}`, { cause: error })
  }
}

async function isIdle(bench: Bench, uploads: Iterable<string>): Promise<boolean> {
  await pause(POLL_MS)
  if ((await findUnfinished(bench, uploads)).length > 0 || findFfmpeg(bench).length > 0) return false
  const { work, inProgress } = bench.cloud.local.queueUrls
  const counts = await Promise.all([work, inProgress].map((url) => bench.cloud.messages(url)))
  return counts.every(({ visible, hidden, delayed }) => visible + hidden + delayed === 0)
}

async function findUnfinished(bench: Bench, uploads: Iterable<string>): Promise<string[]> {
  const documents = await Promise.all([...uploads].map(async (key) => ({ key, document: await bench.document(key) })))
  return documents.filter(({ document }) => !isFinished(document)).map(({ key }) => key)
}

const isFinished = (document: JobDocument | null) => document?.state === 'succeeded' || document?.state === 'dead'

/** Returns objects, documents, queues and the last log lines as text, for the message of a failure. */
async function describeState({ cloud, members }: Bench): Promise<string> {
  const paths = await cloud.list()
  const documents = paths.filter((path) => path.startsWith('.mediad/jobs/'))
  const texts = await Promise.all(
    documents.map(async (path) => `  ${(await cloud.get(path)).toString().slice(0, 1500)}`),
  )
  const { work, inProgress, dead } = cloud.local.queueUrls
  const counts = await Promise.all([work, inProgress, dead].map((url) => cloud.messages(url)))
  const logs = members.flatMap(({ daemon, proxy }) => [
    `  daemon ${daemon.pid}:`,
    ...daemon.entries.slice(-12).map(({ text }) => `    ${text.slice(0, 400)}`),
    `    last calls: ${proxy.calls
      .slice(-20)
      .map(({ name }) => name)
      .join(', ')}`,
  ])
  return [`  objects: ${paths.join(', ')}`, ...texts, `  queues: ${JSON.stringify(counts)}`, ...logs].join('\n')
}
