/**
 * Decides how many jobs can run at once, from what they cost: pure functions, without a clock. It controls the level, which is
 * the number of jobs that can run; a job that ends is replaced at once while the level allows it.
 *
 * The controller predicts the CPU use of a level from three measured values, because a job takes seconds or minutes (a download)
 * until its load shows:
 * - `background`: the CPU use of everything that is not a job of this daemon
 * - `cost`: the mean CPU use of a job that is busy. A CPU that is used up hides what jobs would use, so the cost only rises then.
 * - `duty`: the mean share of its time in which a job is busy. Only jobs that have ended count: while many jobs download at
 *   once, the present share would predict too little, and the level would oscillate with the duration of a job.
 *
 * The best level is the one whose predicted use is nearest to the target, but not more than {@link BAND} above it. The level
 * falls to it at once if its own prediction is too high by more than the hysteresis. It rises in steps, each after the jobs of
 * the present level have run for {@link SETTLING_SECONDS}. It never falls below 1.
 */

/** The options `queues.work.concurrency` of an adaptive daemon. */
export type Goal = {
  /** The most jobs at once. */
  readonly max: number
  /** Wanted CPU use, as a share of the available CPUs. */
  readonly targetCpu: number
}

/** What was measured since the last sample. Shares are of the available CPUs, from 0 to 1. */
export type Sample = {
  readonly seconds: number
  /** CPU use of all processes. */
  readonly use: number
  /** CPU use of this daemon and its children; null if it is not known: then everything counts as a job. */
  readonly own: number | null
  /** Number of children that used the CPU; null if it is not known: then every job counts as busy. */
  readonly busy: number | null
  /** Share of the time in which a task waited for a CPU; null if it is not known. */
  readonly pressure: number | null
  /** Mean number of jobs that ran. */
  readonly jobs: number
  /** Whether the jobs filled the level at some time. */
  readonly full: boolean
}

export type AdmissionState = {
  readonly level: number
  /** Smoothed. */
  readonly background: number
  readonly use: number
  readonly pressure: number
  /** Null until a job was busy. */
  readonly cost: number | null
  readonly duty: number
  /** Seconds since the start, and the integral of the share of busy jobs over them. */
  readonly seconds: number
  readonly busySeconds: number
  /** Seconds in which the level was full, since it changed. */
  readonly fullSeconds: number
}

/** Returned by {@link beginJob} for {@link endJob}. */
export type JobMark = Pick<AdmissionState, 'seconds' | 'busySeconds'>

export const SETTLING_SECONDS = 5
/** The predicted use is never more than this above the target, except that of a single job. */
export const BAND = 0.1

/** Time constants of the moving averages. */
const SMOOTHING_SECONDS = 4
const COST_SECONDS = 12
/** Weight of a generation of jobs (as many as run at once) in the mean of `duty`. */
const DUTY_WEIGHT = 0.3
/** A level falls only if its predicted use is too high by this, or by a quarter of a job. */
const HYSTERESIS = { use: 0.05, jobs: 0.25 }
/** From this use on, CPUs are used up. */
const USED_UP = 0.97
/** Tasks wait for a CPU for more than this share of the time: the machine is busier than the CPU use shows. */
const HIGH_PRESSURE = 0.6
/** Tasks wait all the time although the CPUs are not used up: other machines or groups use them. */
const FULL_PRESSURE = 0.9
/** Growth of the level in one step, at least 1. */
const GROWTH = 0.5
/** Jobs that use no CPU still count this much, so that their number is finite. */
const LEAST_COST = 0.002

export function startAdmission(): AdmissionState {
  return {
    level: 1,
    background: 0,
    use: 0,
    pressure: 0,
    cost: null,
    duty: 1,
    seconds: 0,
    busySeconds: 0,
    fullSeconds: 0,
  }
}

/** Returns the mark of a job that begins. */
export function beginJob({ seconds, busySeconds }: AdmissionState): JobMark {
  return { seconds, busySeconds }
}

/** Learns the duty of a job that ended; `jobs` is the number of jobs that ran with it. */
export function endJob(state: AdmissionState, mark: JobMark, jobs: number): AdmissionState {
  const seconds = state.seconds - mark.seconds
  if (seconds <= 0) return state // too short to be measured
  const duty = (state.busySeconds - mark.busySeconds) / seconds
  return { ...state, duty: state.duty + (DUTY_WEIGHT / Math.max(1, jobs)) * (duty - state.duty) }
}

/** Returns the state after a sample, with its new level. */
export function updateAdmission(before: AdmissionState, goal: Goal, sample: Sample): AdmissionState {
  const state = measure(before, sample)
  const change = (level: number): AdmissionState => ({ ...state, level, fullSeconds: 0 })
  const each = toCost(state, goal)
  const limit = goal.targetCpu + Math.min(each / 2, BAND)
  const best = findLevel(state, goal, limit)
  const highest = findLevel(state, goal, limit + Math.max(HYSTERESIS.use, each * HYSTERESIS.jobs))
  if (highest < state.level) return change(best)
  if (state.fullSeconds < SETTLING_SECONDS) return state
  if (state.pressure > FULL_PRESSURE && state.use < goal.targetCpu) return change(Math.max(1, state.level - 1))
  const hasRoom = state.pressure <= HIGH_PRESSURE && state.use <= goal.targetCpu + BAND
  if (best <= state.level || !hasRoom) return state
  return change(Math.min(best, state.level + Math.max(1, Math.floor(state.level * GROWTH))))
}

/** Predicted CPU use of one more job, a mean over its time. Until one was busy, it counts as the whole target. */
function toCost({ cost, duty }: AdmissionState, { targetCpu }: Goal): number {
  return Math.max(LEAST_COST, (cost ?? targetCpu) * duty)
}

/** Returns the highest level whose predicted use is below a limit. */
function findLevel(state: AdmissionState, goal: Goal, limit: number): number {
  const level = Math.floor((limit - state.background) / toCost(state, goal) + 1e-9)
  return Math.max(1, Math.min(goal.max, level))
}

function measure(state: AdmissionState, sample: Sample): AdmissionState {
  const { seconds, use, jobs } = sample
  const own = jobs > 0 ? (sample.own ?? use) : 0
  const busy = Math.min(jobs, sample.busy ?? jobs)
  const isFirst = state.seconds === 0
  const smooth = (last: number, value: number) =>
    isFirst ? value : approach({ last, value, seconds, constant: SMOOTHING_SECONDS })
  return {
    level: state.level,
    background: smooth(state.background, Math.max(0, use - own)),
    use: smooth(state.use, use),
    pressure: smooth(state.pressure, sample.pressure ?? 0),
    cost: toMeanCost(state.cost, { own, busy, seconds, isUsedUp: use >= USED_UP }),
    duty: state.duty,
    seconds: state.seconds + seconds,
    busySeconds: state.busySeconds + (jobs > 0 ? busy / jobs : 0) * seconds,
    fullSeconds: state.fullSeconds + (sample.full ? seconds : 0),
  }
}

type Work = { own: number; busy: number; seconds: number; isUsedUp: boolean }

/** The weight of a sample in which a single job was busy for a part of the time is that part. */
function toMeanCost(last: number | null, { own, busy, seconds, isUsedUp }: Work): number | null {
  if (busy < LEAST_BUSY) return last
  const value = own / busy
  if (last === null) return value
  return isUsedUp && value < last
    ? last
    : approach({ last, value, seconds: seconds * Math.min(1, busy), constant: COST_SECONDS })
}

const LEAST_BUSY = 0.3

/** Returns an exponential moving average with a time constant. */
function approach(of: { last: number; value: number; seconds: number; constant: number }): number {
  return of.last + (1 - Math.exp(-of.seconds / of.constant)) * (of.value - of.last)
}
