import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { until } from '../helpers/wait.ts'
import { startBench, type BenchOptions } from './bench.ts'
import { gateCode } from '../helpers/gate.ts'
import {
  assertCount,
  countFailedSettlements,
  toDocumentPath,
  shortLease,
  SHORT_LEASE_SECONDS,
  toJobConfig,
  type Bench,
  type Expectations,
  type Member,
} from './setup.ts'
import type { FaultProxy } from './proxy.ts'
import { WAIT_SECONDS } from '../helpers/parallel.ts'
import { isInTier } from '../helpers/tiers.ts'
import { trackCalls, type Stop, type CallTracker } from './stops.ts'

/** `MEDIAD_FAULTS=all`: every stop there is; else a share of them that visits every part of a job's life. */
export const all = process.env.MEDIAD_FAULTS === 'all'

/** Four runs at once, and no more than one of them may hang. */
export const EXPLORATION_SECONDS = all ? 3500 : 500

/** Runs at once, of each exploration: they mostly wait for leases and for hidden messages. */
const AT_ONCE = 4

process.setMaxListeners(100) // one per daemon

export const KEY = 'origin_a.mp4'

/** One output of a single PUT, one in parts; long enough for a heartbeat and for sweeps. */
const bulkCode = `${gateCode + noteCode}
const bulk = definePlugin('bulk', z.object({}), () => ({
  keys: ['bulk_{name}.bin'],
  async run({ workspace, job, add }) {
    const path = join(workspace, 'bulk.bin')
    await writeFile(path, Buffer.alloc(9 * 1024 ** 2, job.claim))
    await add(path, 'bulk', { key: 'bulk_{name}.bin', contentType: 'application/octet-stream' })
  },
}))
`
/** Messages in hand stay hidden for half a lease, as with the defaults; the fleet's leases are a tenth of those. */
const HIDDEN_SECONDS = 3

/** What is explored: one upload, and what is to become of it. */
export type Scenario = {
  readonly options: BenchOptions
  /** What comes before, in front of the gate; then the daemon that is explored starts. */
  prepare?(bench: Bench): Promise<void>
  readonly expected?: Expectations
  /** The gate is left to the test. */
  readonly closed?: true
}

/** A job that goes well. */
export const success: Scenario = {
  options: { code: bulkCode, chain: '[gate(), note({ pause: 2 }), bulk(), upload()]', more: shortLease },
}

/** A job that fails, is tried again, and is then refused: told to the dead queue, and dead. */
export const deadLettering: Scenario = {
  options: {
    code: `
const fail = definePlugin('fail', z.object({}), () => ({
  run({ job }) {
    throw job.attempt === 1 ? new Error('at first') : new MediadError('fail.hopeless', 'no', { verdict: 'reject' })
  },
}))`,
    chain: '[fail()]',
    more: shortLease,
  },
  expected: { dead: [KEY], moreDead: 1 },
}

/** A job whose daemon has just died: its successor has to wait. */
export const leaseWait: Scenario = {
  options: { ...success.options, more: toJobConfig({ leaseSeconds: 20 }) },
  prepare: dieAtWork,
}

/** A job whose daemon died a while ago: what its successor does is explored. */
export const takeover: Scenario = { ...success, prepare: dieAndGoStale }

/** A job that had one attempt, and whose daemon died in it: its successor buries it. */
export const deadLetteringBySweeper: Scenario = {
  options: { ...success.options, more: toJobConfig({ leaseSeconds: SHORT_LEASE_SECONDS, attempts: 1 }) },
  prepare: dieAndGoStale,
  expected: { dead: [KEY], moreDead: 1 },
}

async function dieAtWork(bench: Bench): Promise<void> {
  const { daemon } = await bench.start(shortenWorkVisibility)
  await bench.upload(KEY, await tinyVideo())
  await daemon.waitFor('job.started')
  await daemon.kill()
}

/** Until the lease is over, a successor looks again and again, and how often depends on the machine: no name for a call. */
async function dieAndGoStale(bench: Bench): Promise<void> {
  await dieAtWork(bench)
  await until('the lease is stale', async () => (await silentSeconds(bench)) > SHORT_LEASE_SECONDS + 2)
}

/** Of the owner, by S3's clock, which is this machine's. */
async function silentSeconds({ cloud }: Bench): Promise<number> {
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: toDocumentPath(KEY) }))
  return (Date.now() - (head.LastModified?.getTime() ?? 0)) / 1000
}

/** The calls of a run that goes well. */
export async function findLabels(scenario: Scenario): Promise<readonly string[]> {
  await using bench = await startBench({ ...scenario.options, daemons: 0 })
  const { tracker } = await runScenario(bench, scenario)
  await bench.waitUntilIdle()
  await checkExpected(bench, scenario)
  return tracker.labels
}

/** Runs every stop, some at once. @throws Error with all that broke; or when many never came */
export async function explore(stops: readonly Stop[], run: (stop: Stop) => Promise<boolean>): Promise<void> {
  if (stops.length === 0) throw new Error('no stop to explore')
  const queue = [...stops]
  const broken: string[] = []
  const missed: string[] = []
  async function worker() {
    for (let stop = queue.shift(); stop !== undefined; stop = queue.shift()) {
      const name = `${stop.when} ${stop.label}`
      try {
        if (!((await run(stop)) || (await run(stop)))) missed.push(name)
      } catch (error) {
        broken.push(`${name}: ${(error as Error).message.split('\n').slice(0, 30).join('\n').slice(0, 6000)}`)
      }
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  process.stdout.write(
    `  explored ${stops.length} stops in ${seconds} s; not reached: ${missed.join('; ') || 'none'}\n`,
  )
  if (broken.length > 0) throw new Error(`${broken.length} of ${stops.length} broke:\n${broken.join('\n')}`)
  // how many sweeps and heartbeats there are depends on the machine: what one run did for the fifth time another may not;
  // the quick stops are where every run comes
  const allowed = isInTier(true) ? Math.max(3, stops.length / 2) : 0
  if (missed.length > allowed) throw new Error(`not reached: ${missed.join('; ')}`)
}

export type Act = Stop & { act(member: Member): void | Promise<void> }

type ScenarioRun = { readonly member: Member; readonly tracker: CallTracker; hasActed(): boolean }

/** Starts the daemon that is explored, in the scene that the scenario sets; something happens to it at one of its calls. */
export async function runScenario(bench: Bench, { prepare, closed }: Scenario, act?: Act): Promise<ScenarioRun> {
  await prepare?.(bench)
  const started = Promise.withResolvers<Member>()
  let acted = false
  const stop = act && {
    ...act,
    async act() {
      acted = true
      await act.act(await started.promise)
    },
  }
  const { promise, resolve } = Promise.withResolvers<CallTracker>()
  const member = await bench.start((proxy) => {
    shortenWorkVisibility(proxy)
    resolve(trackCalls(proxy, stop))
  })
  started.resolve(member)
  const tracker = await promise
  tracker.begin()
  if (!closed) await bench.openGate()
  if (!prepare) await bench.upload(KEY, await tinyVideo())
  return { member, tracker, hasActed: () => acted }
}

export function shortenWorkVisibility(proxy: FaultProxy): void {
  proxy.rewrite(({ name }) => (name === 'ReceiveMessage work' ? { VisibilityTimeout: HIDDEN_SECONDS } : {}))
}

/** Whether the call came before the job was over and its last message gone. */
export async function isReached(bench: Bench, { hasActed }: ScenarioRun): Promise<boolean> {
  await until('the call comes, or all is over', async () => hasActed() || (await bench.isIdle()), WAIT_SECONDS)
  return hasActed()
}

/** The invariants; and who loses his lease between telling the dead queue and writing it down tells it again. */
export async function checkExpected(bench: Bench, { expected = {} }: Scenario): Promise<void> {
  const { moreDead = 0 } = expected
  await bench.checkInvariants({ ...expected, moreDead: moreDead + countFailedSettlements(bench) })
}

/** How often the job was attempted; `least` where the last one may have been none. */
export async function checkAttempts(bench: Bench, wanted: number, least = wanted): Promise<void> {
  assertCount(bench, (await bench.document(KEY))?.attempt, { wanted, least })
}
