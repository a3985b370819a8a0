import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import type { Bench } from '../faults/bench.ts'
import type { Kill } from './fault-injector.ts'

export type Report = {
  readonly jobs: number
  readonly succeeded: number
  readonly seconds: number
  readonly attemptsPerJob: number
  readonly mostAttempts: number
  /** Number of attempts after the first one of a job, by error code of the attempt before. */
  readonly repeated: Readonly<Record<string, number>>
  readonly kills: number
  /** Seconds from a kill until the sources of the daemon's jobs were back on the work queue. */
  readonly detected: Spread
  /** Seconds from a kill to the next attempt, including the wait for a free slot. */
  readonly restarted: Spread
}

export type Spread = { readonly count: number; readonly median: number; readonly max: number }

type ReportInput = { documents: readonly JobDocument[]; bench: Bench; kills: readonly Kill[]; seconds: number }

export function toReport({ documents, bench, kills, seconds }: ReportInput): Report {
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
    detected: toSpread(findDelays(bench, kills, 'requeued')),
    restarted: toSpread(findDelays(bench, kills, 'started')),
  }
}

function toSpread(seconds: readonly number[]): Spread {
  const sorted = seconds.toSorted((a, b) => a - b)
  return { count: sorted.length, median: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 }
}

type JobEvent = { job: string; at: number; what: 'started' | 'ended' | 'requeued' }

/** Returns the seconds from each kill to the next event of this kind for each job of the killed daemon, by the logs. */
function findDelays({ members }: Bench, kills: readonly Kill[], wanted: JobEvent['what']): number[] {
  const events = members.flatMap((member) => readJobEvents(member)).filter(({ what }) => what === wanted)
  return kills.flatMap(({ member, at }) => {
    const open = new Set<string>()
    for (const { job, what } of readJobEvents(member)) {
      if (what === 'started') open.add(job)
      if (what === 'ended') open.delete(job)
    }
    const nexts = [...open].map((job) =>
      Math.min(...events.filter((one) => one.job === job && one.at > at).map((one) => one.at)),
    )
    return nexts.filter(Number.isFinite).map((next) => (next - at) / 1000)
  })
}

/** Log events that end an attempt. */
const ENDED = new Set(['job.succeeded', 'job.failed', 'job.dead_lettered', 'job.released', 'job.abandoned'])

function readJobEvents({ daemon }: Bench['members'][number]): JobEvent[] {
  return daemon.entries.flatMap(({ event = '', job, time }): JobEvent[] => {
    if (typeof job !== 'string' || typeof time !== 'string') return []
    const at = Date.parse(time)
    if (event === 'job.started') return [{ job, at, what: 'started' }]
    if (event === 'job.requeued') return [{ job, at, what: 'requeued' }]
    return ENDED.has(event) ? [{ job, at, what: 'ended' }] : []
  })
}
