import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import type { Bench } from '../faults/bench.ts'
import type { Kill } from './fault-injector.ts'

export type Report = {
  readonly jobs: number
  readonly succeeded: number
  readonly seconds: number
  readonly attemptsPerJob: number
  readonly mostAttempts: number
  /** Attempts beyond the first of a job, by what ended the one before. */
  readonly repeated: Readonly<Record<string, number>>
  readonly kills: number
  /** From a kill until each job the daemon had in hand was back on the work queue, in seconds. */
  readonly noticed: Spread
  /** From a kill to the next attempt: the wait for a free slot, behind all the other jobs, included. */
  readonly takenOver: Spread
}

export type Spread = { readonly count: number; readonly median: number; readonly max: number }

type Ground = { documents: readonly JobDocument[]; bench: Bench; kills: readonly Kill[]; seconds: number }

export function toReport({ documents, bench, kills, seconds }: Ground): Report {
  const attempts = documents.map(({ attempt }) => attempt)
  const repeated: Record<string, number> = {}
  for (const { error } of documents.flatMap(({ history }) => history))
    repeated[error.code] = (repeated[error.code] ?? 0) + 1
  return {
    jobs: documents.length,
    succeeded: documents.filter(({ state }) => state === 'succeeded').length,
    seconds,
    attemptsPerJob: attempts.reduce((sum, n) => sum + n, 0) / attempts.length,
    mostAttempts: Math.max(...attempts),
    repeated,
    kills: kills.length,
    noticed: toSpread(findDelays(bench, kills, 'noticed')),
    takenOver: toSpread(findDelays(bench, kills, 'started')),
  }
}

function toSpread(seconds: readonly number[]): Spread {
  const sorted = seconds.toSorted((a, b) => a - b)
  return { count: sorted.length, median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 }
}

type Moment = { job: string; at: number; what: 'started' | 'ended' | 'noticed' }

/** By the daemons' own logs, which tell the time. */
function findDelays({ members }: Bench, kills: readonly Kill[], wanted: Moment['what']): number[] {
  const starts = members.flatMap((member) => readMoments(member)).filter(({ what }) => what === wanted)
  return kills.flatMap(({ member, at }) => {
    const open = new Set<string>()
    for (const { job, what } of readMoments(member)) {
      if (what === 'started') open.add(job)
      if (what === 'ended') open.delete(job)
    }
    const nexts = [...open].map((job) =>
      Math.min(...starts.filter((one) => one.job === job && one.at > at).map((one) => one.at)),
    )
    return nexts.filter(Number.isFinite).map((next) => (next - at) / 1000)
  })
}

/** Events that end an attempt. */
const ENDED = new Set(['job.succeeded', 'job.failed', 'job.dead_lettered', 'job.released', 'job.abandoned'])

function readMoments({ daemon }: Bench['members'][number]): Moment[] {
  return daemon.entries.flatMap(({ event = '', job, time }): Moment[] => {
    if (typeof job !== 'string' || typeof time !== 'string') return []
    const at = Date.parse(time)
    if (event === 'job.started') return [{ job, at, what: 'started' }]
    if (event === 'job.requeued') return [{ job, at, what: 'noticed' }]
    return ENDED.has(event) ? [{ job, at, what: 'ended' }] : []
  })
}
