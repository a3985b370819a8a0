import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { CpuMeter, CpuUse } from '../machine/cpu-meter.ts'
import { beginJob, endJob, startAdmission, updateAdmission, type AdmissionState, type Goal } from './admission.ts'
import type { SlotsLevel } from './slots.ts'

/** Adapts the number of slots to the CPU use of the machine. */
export type Admission = SlotsLevel & {
  /** Starts to measure; `onRise` is called when the level rises. */
  start(onRise: () => void): void
  stop(): Promise<void>
}

export type AdmissionDeps = {
  goal: Goal
  /** Opened at the start. */
  openMeter: () => Promise<Pick<CpuMeter, 'measure'>>
  log: DaemonLog
  clock?: Clock
}

/** Time between two samples. Without jobs, only the background is measured. */
const SAMPLE_MS = { busy: 1000, idle: 5000 }

/**
 * Creates the admission of jobs, whose level follows the rules of `admission.ts`. While nothing can be measured, the level
 * stays as it is.
 */
export function createAdmission({ goal, openMeter, log, clock = systemClock }: AdmissionDeps): Admission {
  const jobs = createJobCount(clock)
  let state = startAdmission()
  const sampler = createSampler({
    openMeter,
    clock,
    isIdle: () => jobs.count() === 0,
    onSample(use, onRise) {
      const { level } = state
      state = updateAdmission(state, goal, { ...use, ...jobs.sample(level) })
      if (state.level !== level)
        log.debug(
          { event: 'admission.changed', max: goal.max, ...toFields(state) },
          `${state.level} of ${goal.max} jobs can run at once`,
        )
      if (state.level > level) onRise()
    },
    onFailure: (error) =>
      log.warn(
        { event: 'admission.failed', error },
        `CPU use cannot be measured: ${state.level} of ${goal.max} jobs can run at once until it can: ${toMessage(error)}`,
      ),
  })
  return {
    level: () => state.level,
    begin() {
      sampler.endIdleWait()
      const mark = beginJob(state)
      const end = jobs.begin()
      return () => {
        state = endJob(state, mark, jobs.count())
        end()
      }
    },
    start: sampler.start,
    stop: sampler.stop,
  }
}

type SamplerDeps = Pick<AdmissionDeps, 'openMeter'> & {
  clock: Clock
  isIdle(): boolean
  onSample(use: CpuUse, onRise: () => void): void
  /** Called for the first of several failures in sequence. */
  onFailure(error: unknown): void
}

function createSampler({ openMeter, clock, isIdle, onSample, onFailure }: SamplerDeps) {
  const stopping = new AbortController()
  let idleWait = new AbortController()
  let running = Promise.resolve()

  /** A job that begins ends the wait of an idle daemon, so that no sample has a part with jobs and a longer one without. */
  async function waitForSample(): Promise<void> {
    if (!isIdle()) return clock.wait(SAMPLE_MS.busy, stopping.signal)
    idleWait = new AbortController()
    await clock.wait(SAMPLE_MS.idle, AbortSignal.any([stopping.signal, idleWait.signal]))
  }

  async function run(onRise: () => void): Promise<void> {
    let meter: Pick<CpuMeter, 'measure'> | undefined
    let isFailing = false
    while (!stopping.signal.aborted) {
      try {
        meter ??= await openMeter()
        await waitForSample()
        onSample(await meter.measure(), onRise)
        isFailing = false
      } catch (error) {
        if (!isFailing) onFailure(error)
        isFailing = true
        await clock.wait(SAMPLE_MS.idle, stopping.signal)
      }
    }
  }

  return {
    endIdleWait: () => idleWait.abort(),
    start(onRise: () => void) {
      running = run(onRise)
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Counts running jobs, and their mean and maximum since the last sample. */
function createJobCount(clock: Clock) {
  let count = 0
  let most = 0
  let jobMs = 0
  let sampledAt = clock.now()
  let countedAt = sampledAt
  const add = (change: number) => {
    jobMs += count * (clock.now() - countedAt)
    countedAt = clock.now()
    count += change
    most = Math.max(most, count)
  }
  return {
    count: () => count,
    begin() {
      add(1)
      return () => add(-1)
    },
    sample(level: number): { jobs: number; full: boolean } {
      add(0)
      const elapsedMs = countedAt - sampledAt
      const mean = elapsedMs > 0 ? jobMs / elapsedMs : count
      const sample = { jobs: mean, full: most >= level && mean >= level / 2 }
      sampledAt = countedAt
      jobMs = 0
      most = count
      return sample
    },
  }
}

/** Returns what the level was decided by, rounded. */
function toFields({ level, use: cpuUse, background, pressure, cost, duty }: AdmissionState) {
  const shares = Object.entries({ cpuUse, background, pressure, cost, duty })
  return {
    level,
    ...Object.fromEntries(
      shares.map(([name, share]) => [name, share === null ? null : Math.round(share * 1000) / 1000]),
    ),
  }
}
