import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { BUCKET } from '../helpers/cloud.ts'
import type { Fleet } from '../helpers/fleet.ts'
import { findProcesses } from '../helpers/liveness.ts'
import { readErrorCode, type Mediad } from '../helpers/process.ts'
import { until } from '../helpers/wait.ts'
import type { FaultProxy } from './proxy.ts'

/** A daemon and its own proxy. Faults of the proxy affect no other daemon. */
export type Member = { readonly daemon: Mediad; readonly proxy: FaultProxy }

export type Expectations = {
  /** Keys of the sources whose job must be dead. All others must have succeeded. */
  dead?: readonly string[]
  /**
   * Number of dead-letter messages that are allowed in addition to one per dead job. A crash after the dead-letter message
   * is sent and before the document is written repeats the message.
   */
  moreDead?: number
  /** Keys of objects that are not the output of a job. */
  foreign?: readonly string[]
  /** Allows open multipart uploads: the daemon died in one, and no later attempt wrote that key. */
  openUploads?: boolean
}

/** A fleet whose daemons reach S3 and SQS through fault-injecting proxies, and checks of the final state. */
export type Bench = Omit<Fleet, 'start' | 'daemons'> & {
  readonly members: readonly Member[]
  /** The first member. Throws when there is none. */
  readonly first: Member
  /** Uploads a source directly, without a proxy. */
  upload(key: string, body: string | Uint8Array): Promise<string>
  /** Starts one more daemon. `prepare` can add faults before it starts; `env` overrides its environment. */
  start(prepare?: (proxy: FaultProxy) => void, env?: Readonly<Record<string, string>>): Promise<Member>
  /** Sends a message to a queue directly, without a proxy. */
  send(queue: 'work' | 'inProgress', body: string): Promise<void>
  /** Returns whether the jobs of all uploads are finished, both queues are empty, and no ffmpeg is running. */
  isIdle(): Promise<boolean>
  /** Opens the gate for all jobs that wait at it, now or later. */
  openGate(): Promise<void>
  /** Waits until {@link Bench.isIdle} is true. */
  waitUntilIdle(seconds?: number): Promise<void>
  /** Checks the final state, once the bench is idle. @throws Error that lists every violated invariant */
  checkInvariants(expected?: Expectations): Promise<void>
}

/** Returns the ids of the ffmpeg and ffprobe processes of all daemons of the bench. */
export function findFfmpeg({ members }: Pick<Bench, 'members'>): number[] {
  return members.flatMap(({ daemon: { folder } }) =>
    ['ffmpeg', 'ffprobe'].flatMap((name) => findProcesses(name, folder)),
  )
}

/** Returns the id of the job for a source of the bench. */
export const getJobId = (key: string) => toJobId(BUCKET, key)

/** Returns the key of the document of the job for a source. */
export const toDocumentPath = (key: string) => `.mediad/jobs/${getJobId(key)}.json`

/** Returns the `job` member of a config, as source text. */
export const toJobConfig = ({ leaseSeconds, attempts = 3 }: { leaseSeconds: number; attempts?: number }) =>
  `job: { attempts: ${attempts}, leaseSeconds: ${leaseSeconds}, recheckSeconds: 1, backoffSeconds: 1 },`

/** The shortest lease that the config allows. */
export const SHORT_LEASE_SECONDS = 6

/**
 * Job config for rows in which a lease must go stale. On a busy machine a healthy lease can go stale too, which costs an
 * attempt. There are enough attempts for that, and {@link assertCount} takes it into account.
 */
export const shortLease = toJobConfig({ leaseSeconds: SHORT_LEASE_SECONDS, attempts: 9 })

/** Delays a source that is returned to the work queue by one second instead of a minute. */
export const shortenReleaseDelay = (proxy: FaultProxy): void =>
  proxy.rewrite(({ name, fields }) =>
    name === 'SendMessage work' && fields.DelaySeconds === 60 ? { DelaySeconds: 1 } : {},
  )

/** Returns the HTTP status of `/ready`. */
export async function getReadyStatus({ daemon }: Member): Promise<number> {
  return (await fetch(`${daemon.url}/ready`)).status
}

/** Counts how often an owner stopped because it could not be sure of its lease, or because the job has another owner. */
export const countLostLeases = (bench: Pick<Bench, 'members'>): number =>
  countLeaseLost(bench, 'job.abandoned') + countFailedSettlements(bench)

/** Counts how often an owner lost its lease during settlement. The next owner repeats the dead-letter message. */
export const countFailedSettlements = (bench: Pick<Bench, 'members'>): number =>
  countLeaseLost(bench, 'job.settle_failed')

function countLeaseLost({ members }: Pick<Bench, 'members'>, event: string): number {
  const entries = members.flatMap(({ daemon }) => daemon.entries)
  return entries.filter((entry) => entry.event === event && readErrorCode(entry) === 'lease.lost').length
}

type ExpectedCount = { expected: number; min?: number; intendedLosses?: number }

/**
 * Asserts how often a job was claimed, attempted or started: `min` (default: `expected`) to `expected` times, plus at most
 * once for each lease that was lost unintentionally. `intendedLosses` is the number of leases that the row itself ends.
 */
export function assertCount(
  bench: Bench,
  count: number | undefined,
  { expected, min = expected, intendedLosses = 0 }: ExpectedCount,
): void {
  const lost = countLostLeases(bench) - intendedLosses
  const text = `${count} times, not ${expected}; ${lost} leases were lost unintentionally`
  assert.ok(count !== undefined && count >= min && count <= expected + lost, text)
}

/** Asserts that the event was logged exactly once. Waits for it first, because log lines arrive with a delay. */
export async function assertLoggedOnce(bench: Bench, event: string): Promise<void> {
  await until(`${event} is logged`, () => bench.countEvents(event) > 0)
  assert.is(bench.countEvents(event), 1, event)
}
