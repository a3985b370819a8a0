import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { disposeOnError, startFleet, type Fleet, type FleetOptions } from '../helpers/fleet.ts'
import { until } from '../helpers/wait.ts'
import { createGate } from '../helpers/gate.ts'
import { findBroken } from './invariants.ts'
import { openFaultProxy, type FaultProxy } from './proxy.ts'
import { WAIT_SECONDS } from '../helpers/parallel.ts'
import { findFfmpeg, toJobConfig, type Bench, type Member } from './setup.ts'

export type { Bench, Member } from './setup.ts'

export type BenchOptions = Omit<FleetOptions, 'env'>

/** Where no lease has to end none does, however busy the machine is: who was awake once in fifty seconds keeps it. */
const longLease = toJobConfig({ leaseSeconds: 60 })

/** Real daemons, one row of trouble. A `more` that begins with `job:` replaces the lease of 60 s. Everything is gone with `await using`. */
export async function startBench({ daemons = 1, more = '', ...options }: BenchOptions = {}): Promise<Bench> {
  const gate = await createGate()
  const env: Record<string, string> = { NODE_COMPILE_CACHE: compiled(), ...gate.env }
  const settings = more.startsWith('job:') ? more : `${longLease} ${more}`
  const attempts = Number(/attempts: (\d+)/.exec(settings)?.[1])
  const fleet = await startFleet({ ...options, more: settings, daemons: 0, env })
  const { cloud } = fleet
  const members: Member[] = []
  const uploads = new Set<string>()

  async function start(
    prepare?: (proxy: FaultProxy) => void,
    own: Readonly<Record<string, string>> = {},
  ): Promise<Member> {
    const proxy = await openFaultProxy({ s3: cloud.local.s3Endpoint, sqs: cloud.local.sqsEndpoint })
    proxies.push(proxy)
    prepare?.(proxy)
    // the fleet reads `env` in the very turn it is told to start
    const daemon = await inTurn(() => {
      Object.assign(env, { NODE_OPTIONS: '' }, toEnvironment(cloud.local.queueUrls, proxy), own)
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
      const broken = await findBroken({ bench, uploads, attempts, expected })
      if (broken.length > 0) throw new Error(`broken invariants:\n  ${broken.join('\n  ')}\n${await describe(bench)}`)
    },
    async [Symbol.asyncDispose]() {
      // members first: a daemon whose line is gone complains for as long as it lives
      for (const { daemon } of members) await daemon[Symbol.asyncDispose]()
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
      await fleet[Symbol.asyncDispose]()
      await gate[Symbol.asyncDispose]()
    },
  }
  await disposeOnError(bench, Promise.all(Array.from({ length: daemons }, () => start())))
  return bench
}

/** A daemon's start is mostly work: many at once would all be slow, and one at a time would leave processors idle. */
const STARTS_AT_ONCE = 3
const starting: Promise<unknown>[] = Array.from({ length: STARTS_AT_ONCE }, () => Promise.resolve())
let turns = 0

function inTurn<T>(start: () => Promise<T>): Promise<T> {
  const place = turns++ % STARTS_AT_ONCE
  const next = (starting[place] ?? Promise.resolve()).then(start)
  starting[place] = next.catch(() => undefined) // whoever asked for it gets the error
  return next
}

let folder: string | undefined

/**
 * One for all daemons of the process, or of the whole run: most of the time a daemon takes to start goes into its source
 * text.
 */
function compiled(): string {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return process.env.NODE_COMPILE_CACHE
  if (folder !== undefined) return folder
  const made = mkdtempSync(join(tmpdir(), 'mediad-compiled-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  return (folder = made)
}

function toEnvironment(queueUrls: Fleet['cloud']['local']['queueUrls'], { s3Url, sqsUrl }: FaultProxy) {
  const through = (url: string) => `${sqsUrl}${new URL(url).pathname}`
  return {
    AWS_ENDPOINT_URL_S3: s3Url,
    AWS_ENDPOINT_URL_SQS: sqsUrl,
    MEDIAD_WORK_QUEUE_URL: through(queueUrls.work),
    MEDIAD_IN_PROGRESS_QUEUE_URL: through(queueUrls.inProgress),
    MEDIAD_DEAD_QUEUE_URL: through(queueUrls.dead),
  }
}

/** Benches run side by side on few cores: whoever looks all the time takes them away from the daemons. */
const LOOK_MS = 250

async function waitForIdle(bench: Bench, seconds = WAIT_SECONDS): Promise<void> {
  try {
    await until('all is over', () => bench.isIdle(), seconds)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await describe(bench)}`, { cause: error })
  }
}

async function isIdle(bench: Bench, uploads: Iterable<string>): Promise<boolean> {
  await pause(LOOK_MS)
  if ((await findUnfinished(bench, uploads)).length > 0 || findFfmpeg(bench).length > 0) return false
  const { work, inProgress } = bench.cloud.local.queueUrls
  const counts = await Promise.all([work, inProgress].map((url) => bench.cloud.messages(url)))
  return counts.every(({ visible, hidden, delayed }) => visible + hidden + delayed === 0)
}

async function findUnfinished(bench: Bench, uploads: Iterable<string>): Promise<string[]> {
  const documents = await Promise.all([...uploads].map(async (key) => ({ key, document: await bench.document(key) })))
  return documents.filter(({ document }) => !isOver(document)).map(({ key }) => key)
}

const isOver = (document: JobDocument | null) => document?.state === 'succeeded' || document?.state === 'dead'

/** Where everything stands, for whoever reads a failure. */
async function describe({ cloud, members }: Bench): Promise<string> {
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
    `    its last calls: ${proxy.calls
      .slice(-20)
      .map(({ name }) => name)
      .join(', ')}`,
  ])
  return [`  objects: ${paths.join(', ')}`, ...texts, `  queues: ${JSON.stringify(counts)}`, ...logs].join('\n')
}
