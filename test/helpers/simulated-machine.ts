/** A machine in memory that runs jobs under the control of `daemon/schedule/admission.ts`. */
import {
  beginJob,
  endJob,
  startAdmission,
  updateAdmission,
  type AdmissionState,
  type Goal,
  type JobMark,
  type Sample,
} from '../../daemon/schedule/admission.ts'
import { createRandom, type Random } from '../protocol/random.ts'

/** A job waits for the network, uses the CPU, and waits again. */
export type SimulatedJob = {
  readonly waitSeconds: number
  /** CPU time that it needs. */
  readonly workSeconds: number
  /** CPUs that it uses at most. */
  readonly threads: number
  readonly tailSeconds: number
}

export type SimulatedMachine = {
  readonly cpus: number
  readonly goal: Goal
  readonly seconds: number
  readonly seed: number
  readonly makeJob: (random: Random) => SimulatedJob
  /** CPUs that other processes use, as a share, at a time in seconds. Default 0. */
  readonly background?: (seconds: number) => number
  /** Jobs that arrive per second. Default: more than the machine can run. */
  readonly arrivals?: (seconds: number) => number
  /** Runs this number of jobs at once, without the controller. */
  readonly fixed?: number
  /** False for a machine that cannot measure which processes use the CPU. */
  readonly hasTree?: boolean
}

export type SimulatedRun = {
  /** One value for each second. */
  readonly uses: readonly number[]
  readonly levels: readonly number[]
  /** Seconds in which jobs waited and none ran. */
  readonly starvedSeconds: number
  readonly finished: number
}

type Running = { -readonly [Key in keyof SimulatedJob]: SimulatedJob[Key] } & { mark: JobMark }

const STEP_SECONDS = 0.1
const STEPS = 10

export function simulate(machine: SimulatedMachine): SimulatedRun {
  const random = createRandom(machine.seed)
  const run = { uses: [] as number[], levels: [] as number[], starvedSeconds: 0, finished: 0 }
  let state: AdmissionState = { ...startAdmission(), ...(machine.fixed !== undefined && { level: machine.fixed }) }
  let running: Running[] = []
  let waiting = 0
  for (let second = 0; second < machine.seconds; second++) {
    const sum = { use: 0, own: 0, busy: 0, jobs: 0, pressure: 0 }
    let full = false
    for (let step = 0; step < STEPS; step++) {
      waiting = machine.arrivals ? waiting + machine.arrivals(second) * STEP_SECONDS : Infinity
      for (; running.length < state.level && waiting >= 1; waiting--)
        running.push({ ...machine.makeJob(random), mark: beginJob(state) })
      full ||= running.length >= state.level
      const used = runStep(machine, running, (machine.background?.(second) ?? 0) * random.between(0.9, 1.1))
      for (const name of ['use', 'own', 'busy', 'pressure'] as const) sum[name] += used[name] / STEPS
      sum.jobs += running.length / STEPS
      if (waiting >= 1 && running.length === 0) run.starvedSeconds += STEP_SECONDS
      const ended = running.filter(isFinished)
      for (const { mark } of ended) state = endJob(state, mark, running.length)
      run.finished += ended.length
      running = running.filter((job) => !isFinished(job))
    }
    run.uses.push(sum.use)
    run.levels.push(state.level)
    const known = machine.hasTree ?? true
    const sample: Sample = { ...sum, seconds: 1, full, own: known ? sum.own : null, busy: known ? sum.busy : null }
    if (machine.fixed === undefined) state = updateAdmission(state, machine.goal, sample)
  }
  return run
}

/** Lets the jobs run for a step, which share what the background leaves, and returns what was used. */
function runStep({ cpus }: SimulatedMachine, running: Running[], backgroundShare: number) {
  const background = Math.min(cpus, cpus * backgroundShare)
  const busy = running.filter(({ waitSeconds, workSeconds }) => waitSeconds <= 0 && workSeconds > 0)
  const demand = busy.reduce((sum, { threads }) => sum + threads, 0)
  const room = Math.max(cpus / 20, cpus - background)
  const rate = Math.min(1, room / Math.max(demand, 1e-9))
  let own = 0
  for (const job of running) {
    if (job.waitSeconds > 0) job.waitSeconds -= STEP_SECONDS
    else if (job.workSeconds > 0) {
      const work = Math.min(job.workSeconds, job.threads * rate * STEP_SECONDS)
      job.workSeconds -= work
      own += work / STEP_SECONDS
    } else job.tailSeconds -= STEP_SECONDS
  }
  const use = Math.min(1, (own + background) / cpus)
  return { use, own: own / cpus, busy: busy.length, pressure: demand + background > cpus ? 1 : 0 }
}

const isFinished = ({ waitSeconds, workSeconds, tailSeconds }: Running) =>
  waitSeconds <= 0 && workSeconds <= 0 && tailSeconds <= 0

/** Returns the mean of the uses, and the share of the means of some seconds that are not within 0.1 of the target. */
export function summarizeUses(
  uses: readonly number[],
  { target, seconds = 10 }: { target: number; seconds?: number },
): { mean: number; outside: number } {
  const means = uses.slice(seconds - 1).map((_, start) => toMean(uses.slice(start, start + seconds)))
  return {
    mean: toMean(uses),
    outside: means.filter((mean) => Math.abs(mean - target) > 0.1).length / means.length,
  }
}

const toMean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
