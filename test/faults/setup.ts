import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { BUCKET } from '../helpers/cloud.ts'
import type { Fleet } from '../helpers/fleet.ts'
import { findProcesses } from '../helpers/liveness.ts'
import { readErrorCode, type Mediad } from '../helpers/process.ts'
import { until } from '../helpers/wait.ts'
import type { FaultProxy } from './proxy.ts'

/** A daemon and its own network: what goes wrong on its line is no other daemon's trouble. */
export type Member = { readonly daemon: Mediad; readonly proxy: FaultProxy }

export type Expectations = {
  /** Keys of the sources whose job must be dead; every other one must have succeeded. */
  dead?: readonly string[]
  /** Dead messages that may be there beside one for each dead job: a crash between telling and writing down repeats them. */
  moreDead?: number
  /** Objects that are nobody's outputs. */
  foreign?: readonly string[]
  /** An upload in parts may stay open: its daemon died in it, and no later attempt wrote that key. */
  openUploads?: boolean
}

/** A fleet whose daemons reach S3 and SQS through faulty lines, and the judge of what became of it. */
export type Bench = Omit<Fleet, 'start' | 'daemons'> & {
  readonly members: readonly Member[]
  /** The first member; throws when there is none. */
  readonly first: Member
  /** Uploads a source, past every fault. */
  upload(key: string, body: string | Uint8Array): Promise<string>
  /** One more daemon. `prepare` sets faults up before it starts; `env` is laid over its environment. */
  start(prepare?: (proxy: FaultProxy) => void, env?: Readonly<Record<string, string>>): Promise<Member>
  /** Puts a body on one of the queues, past every fault. */
  send(queue: 'work' | 'inProgress', body: string): Promise<void>
  /** Every upload is over, no message is left but dead ones, and no ffmpeg works. */
  isIdle(): Promise<boolean>
  /** Lets through whatever waits at the gate, now or later. */
  openGate(): Promise<void>
  /** Waits until it is quiescent. */
  waitUntilIdle(seconds?: number): Promise<void>
  /** At quiescence. @throws Error that names every invariant that is broken, and how */
  checkInvariants(expected?: Expectations): Promise<void>
}

/** The ids of the ffmpeg and ffprobe processes of all the bench's daemons. */
export function findFfmpeg({ members }: Pick<Bench, 'members'>): number[] {
  return members.flatMap(({ daemon: { folder } }) =>
    ['ffmpeg', 'ffprobe'].flatMap((name) => findProcesses(name, folder)),
  )
}

/** The id of the job for a source of the bench. */
export const getJobId = (key: string) => toJobId(BUCKET, key)

/** Where the document of the job for a source lies. */
export const toDocumentPath = (key: string) => `.mediad/jobs/${getJobId(key)}.json`

/** The rules for jobs in a config. */
export const toJobConfig = ({ leaseSeconds, attempts = 3 }: { leaseSeconds: number; attempts?: number }) =>
  `job: { attempts: ${attempts}, leaseSeconds: ${leaseSeconds}, recheckSeconds: 1, backoffSeconds: 1 },`

/** The shortest lease there is. */
export const SHORT_LEASE_SECONDS = 6

/**
 * For rows in which a lease must end. A busy machine ends one now and then that should not, and each costs an attempt:
 * there are enough of them, and {@link assertCount} knows.
 */
export const shortLease = toJobConfig({ leaseSeconds: SHORT_LEASE_SECONDS, attempts: 9 })

/** What is given back for a minute comes back after a second. */
export const shortenReleaseDelay = (proxy: FaultProxy): void =>
  proxy.rewrite(({ name, fields }) =>
    name === 'SendMessage work' && fields.DelaySeconds === 60 ? { DelaySeconds: 1 } : {},
  )

export async function getReadyStatus({ daemon }: Member): Promise<number> {
  return (await fetch(`${daemon.url}/ready`)).status
}

/** How often an owner stopped himself, or was told that the job is another's. */
export const countLostLeases = (bench: Pick<Bench, 'members'>): number =>
  linesOf(bench).filter((proxy) => proxy.event === 'job.abandoned' && readErrorCode(proxy) === 'lease.lost').length +
  countFailedSettlements(bench)

/** How often an owner lost his lease in the very end of an attempt: what he told the dead queue is told again. */
export const countFailedSettlements = (bench: Pick<Bench, 'members'>): number =>
  linesOf(bench).filter((proxy) => proxy.event === 'job.settle_failed' && readErrorCode(proxy) === 'lease.lost').length

const linesOf = ({ members }: Pick<Bench, 'members'>) => members.flatMap(({ daemon }) => daemon.entries)

type Times = { wanted: number; least?: number; taken?: number }

/**
 * How often a job was claimed, attempted or started: `least` to `wanted` times, and at most once more for each lease that
 * was lost. Of those, `taken` are the row's own doing and in `wanted` already.
 */
export function assertCount(
  bench: Bench,
  counted: number | undefined,
  { wanted, least = wanted, taken = 0 }: Times,
): void {
  const lost = countLostLeases(bench) - taken
  const text = `${counted} times, not ${wanted}; ${lost} leases were lost that should not have been`
  assert.ok(counted !== undefined && counted >= least && counted <= wanted + lost, text)
}

/** Waits until a daemon has logged the event: lines arrive later than what they report. @throws Error when it was logged again */
export async function assertLoggedOnce(bench: Bench, event: string): Promise<void> {
  await until(`${event} is logged`, () => bench.countEvents(event) > 0)
  assert.is(bench.countEvents(event), 1, event)
}
