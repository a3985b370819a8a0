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
import { trackCalls, type Breakpoint, type CallTracker } from './breakpoints.ts'

/** True with `MEDIAD_FAULTS=all`: use every breakpoint. Otherwise use a part of them that covers every phase of a job. */
export const all = process.env.MEDIAD_FAULTS === 'all'

/** Timeout of an exploration: four runs at a time, at most one of which may hang. */
export const EXPLORATION_SECONDS = all ? 3500 : 500

/** Concurrent runs of an exploration. Most of the time they wait for leases and hidden messages. */
const AT_ONCE = 4

process.setMaxListeners(100) // one per daemon

export const KEY = 'origin_a.mp4'

/** Plugins with one output in a single PUT and one in a multipart upload. They take long enough for a heartbeat and sweeps. */
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
/** Visibility timeout of received work messages: half a lease, as with the defaults. */
const HIDDEN_SECONDS = 3

/** One upload, and the expected end of its job. */
export type Scenario = {
  readonly options: BenchOptions
  /** Runs before the explored daemon starts, while the gate is closed. It uploads the source. */
  prepare?(bench: Bench): Promise<void>
  readonly expected?: Expectations
  /** Leaves the gate closed; the test opens it. */
  readonly closed?: true
}

/** A job that succeeds. */
export const success: Scenario = {
  options: { code: bulkCode, chain: '[gate(), note({ pause: 2 }), bulk(), upload()]', more: shortLease },
}

/** A job that fails in its first attempt, is rejected in the second, and moves to the dead-letter queue. */
export const deadLettering: Scenario = {
  options: {
    code: `
const fail = definePlugin('fail', z.object({}), () => ({
  run({ job }) {
    throw job.attempt === 1 ? new Error('first attempt') : new MediadError('fail.hopeless', 'no', { verdict: 'reject' })
  },
}))`,
    chain: '[fail()]',
    more: shortLease,
  },
  expected: { dead: [KEY], moreDead: 1 },
}

/** A job whose daemon has just died. The next daemon has to wait for the lease to go stale. */
export const leaseWait: Scenario = {
  options: { ...success.options, more: toJobConfig({ leaseSeconds: 20 }) },
  prepare: killWhileRunning,
}

/** A job with a stale lease. The calls of the daemon that takes it over are explored. */
export const takeover: Scenario = { ...success, prepare: killAndWaitUntilStale }

/** A job whose daemon died in its only attempt. The sweeper of the next daemon dead-letters it. */
export const deadLetteringBySweeper: Scenario = {
  options: { ...success.options, more: toJobConfig({ leaseSeconds: SHORT_LEASE_SECONDS, attempts: 1 }) },
  prepare: killAndWaitUntilStale,
  expected: { dead: [KEY], moreDead: 1 },
}

async function killWhileRunning(bench: Bench): Promise<void> {
  const { daemon } = await bench.start(shortenWorkVisibility)
  await bench.upload(KEY, await tinyVideo())
  await daemon.waitFor('job.started')
  // otherwise the next daemon can get the job by this message instead of the in-progress message
  await until('the work message is deleted', async () => {
    const { visible, hidden, delayed } = await bench.cloud.messages(bench.cloud.local.queueUrls.work)
    return visible + hidden + delayed === 0
  })
  await daemon.kill()
}

/**
 * Waits for the stale lease, because the next daemon checks a valid one repeatedly. The number of checks depends on the
 * machine, so those calls have no stable labels.
 */
async function killAndWaitUntilStale(bench: Bench): Promise<void> {
  await killWhileRunning(bench)
  await until('the lease is stale', async () => (await readDocumentAge(bench)) > SHORT_LEASE_SECONDS + 2)
}

/** Returns the seconds since the document was written, by the clock of S3, which is this machine's. */
async function readDocumentAge({ cloud }: Bench): Promise<number> {
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: toDocumentPath(KEY) }))
  return (Date.now() - (head.LastModified?.getTime() ?? 0)) / 1000
}

/** Runs a scenario without a fault, and returns the labels of its calls. */
export async function findLabels(scenario: Scenario): Promise<readonly string[]> {
  await using bench = await startBench({ ...scenario.options, daemons: 0 })
  const { tracker } = await runScenario(bench, scenario)
  await bench.waitUntilIdle()
  await checkExpected(bench, scenario)
  return tracker.labels
}

/** Runs all breakpoints. @throws Error that lists all failures, or when too many breakpoints were not reached */
export async function explore(
  breakpoints: readonly Breakpoint[],
  run: (breakpoint: Breakpoint) => Promise<boolean>,
): Promise<void> {
  if (breakpoints.length === 0) throw new Error('no breakpoint to explore')
  const queue = [...breakpoints]
  const failures: string[] = []
  const missed: string[] = []
  async function worker() {
    for (let breakpoint = queue.shift(); breakpoint !== undefined; breakpoint = queue.shift()) {
      const name = `${breakpoint.when} ${breakpoint.label}`
      try {
        if (!((await run(breakpoint)) || (await run(breakpoint)))) missed.push(name)
      } catch (error) {
        failures.push(`${name}: ${(error as Error).message.split('\n').slice(0, 30).join('\n').slice(0, 6000)}`)
      }
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  process.stdout.write(
    `  explored ${breakpoints.length} breakpoints in ${seconds} s; not reached: ${missed.join('; ') || 'none'}\n`,
  )
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${breakpoints.length} failed:\n${failures.join('\n')}`)
  // the number of sweeps and heartbeats depends on the machine, so the fifth call of a kind may be missing in another run;
  // the breakpoints of the quick tier are reached in every run
  const allowed = isInTier(true) ? Math.max(3, breakpoints.length / 2) : 0
  if (missed.length > allowed) throw new Error(`not reached: ${missed.join('; ')}`)
}

type Action = Breakpoint & { act(member: Member): void | Promise<void> }

type ScenarioRun = { readonly member: Member; readonly tracker: CallTracker; hasActed(): boolean }

/** Prepares the scenario and starts the explored daemon. With `action`, acts on that daemon at the breakpoint. */
export async function runScenario(bench: Bench, { prepare, closed }: Scenario, action?: Action): Promise<ScenarioRun> {
  await prepare?.(bench)
  const started = Promise.withResolvers<Member>()
  let hasActed = false
  const breakpoint = action && {
    ...action,
    async act() {
      hasActed = true
      await action.act(await started.promise)
    },
  }
  const { promise, resolve } = Promise.withResolvers<CallTracker>()
  const member = await bench.start((proxy) => {
    shortenWorkVisibility(proxy)
    resolve(trackCalls(proxy, breakpoint))
  })
  started.resolve(member)
  const tracker = await promise
  if (!closed) await bench.openGate()
  if (!prepare) await bench.upload(KEY, await tinyVideo())
  return { member, tracker, hasActed: () => hasActed }
}

export function shortenWorkVisibility(proxy: FaultProxy): void {
  proxy.rewrite(({ name }) => (name === 'ReceiveMessage work' ? { VisibilityTimeout: HIDDEN_SECONDS } : {}))
}

/** Waits for the breakpoint. Returns false when the bench is idle before it is reached. */
export async function isReached(bench: Bench, { hasActed }: ScenarioRun): Promise<boolean> {
  await until(
    'the breakpoint is reached or the bench is idle',
    async () => hasActed() || (await bench.isIdle()),
    WAIT_SECONDS,
  )
  return hasActed()
}

/** Checks the invariants. An owner that lost its lease during settlement may have sent its dead-letter message twice. */
export async function checkExpected(bench: Bench, { expected = {} }: Scenario): Promise<void> {
  const { moreDead = 0 } = expected
  await bench.checkInvariants({ ...expected, moreDead: moreDead + countFailedSettlements(bench) })
}

/** Checks the number of attempts. Set `min` when the last attempt may not have happened. */
export async function checkAttempts(bench: Bench, expected: number, min = expected): Promise<void> {
  assertCount(bench, (await bench.document(KEY))?.attempt, { expected, min })
}
