/** Runs the controller of adaptive concurrency on a simulated machine, and checks its rules one by one. */
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  beginJob,
  endJob,
  SETTLING_SECONDS,
  startAdmission,
  updateAdmission,
  type AdmissionState,
  type Sample,
} from '../../daemon/schedule/admission.ts'
import { simulate, summarizeUses, type SimulatedJob, type SimulatedMachine } from '../helpers/simulated-machine.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('admission')

const goal = { max: 64, targetCpu: 0.7 }
const MINUTE = 60

/** Jobs by the share of the CPUs that one uses. */
const steady =
  (cpus: number, share: number): SimulatedMachine['makeJob'] =>
  (random) => ({
    waitSeconds: random.between(1, 2),
    workSeconds: cpus * share * random.between(10, 30),
    threads: cpus * share,
    tailSeconds: 0.5,
  })
const mixed =
  (cpus: number): SimulatedMachine['makeJob'] =>
  (random) => {
    const threads = cpus * random.between(0.02, 0.12)
    const seconds = random.pick([2, 10, 40])
    return {
      waitSeconds: random.between(0, 6),
      workSeconds: threads * seconds,
      threads,
      tailSeconds: random.between(0, 3),
    }
  }
const shortJob = () => ({ waitSeconds: 0.5, workSeconds: 0.15 * 8, threads: 0.15 * 8, tailSeconds: 0.2 })
const waitingJob = () => ({ waitSeconds: 5, workSeconds: 0, threads: 1, tailSeconds: 0.5 })
const longDownload: SimulatedMachine['makeJob'] = (random) => ({
  waitSeconds: random.between(40, 80),
  workSeconds: 60 * 0.15 * 2,
  threads: 0.15 * 2,
  tailSeconds: 5,
})
const shared = { goal, seed: 7, seconds: 20 * MINUTE }
const steps = (seconds: number) => (Math.floor(seconds / 120) % 2 === 0 ? 0.1 : 0.4)

/** Leaves out the time in which the controller learns what jobs cost. */
const settled = <T>(values: readonly T[]) => values.slice(2 * MINUTE)
const countChanges = (levels: readonly number[]) => levels.filter((level, n) => n > 0 && level !== levels[n - 1]).length

for (const cpus of [2, 8, 64]) {
  test(`holds the target within 0.1 with mixed jobs and a background that changes: ${cpus} CPUs`, () => {
    const { uses } = simulate({ ...shared, cpus, makeJob: mixed(cpus), background: steps })
    const { mean, outside } = summarizeUses(settled(uses), { target: goal.targetCpu, seconds: MINUTE })
    assert.ok(Math.abs(mean - goal.targetCpu) < 0.05, `mean ${mean}`)
    assert.ok(outside < 0.2, `${outside} of the minutes are outside`) // jobs of 40 s outlast a step of the background
  })
}

test('is nearer to the target than every fixed concurrency when the background changes', () => {
  const machine = { ...shared, cpus: 8, makeJob: mixed(8), background: steps }
  const adaptive = summarizeUses(settled(simulate(machine).uses), { target: goal.targetCpu })
  for (let fixed = 1; fixed <= 20; fixed++) {
    const { outside } = summarizeUses(settled(simulate({ ...machine, fixed }).uses), { target: goal.targetCpu })
    assert.ok(adaptive.outside < outside, `fixed ${fixed}: ${outside}, adaptive ${adaptive.outside}`)
  }
})

test('keeps one level for equal jobs, and reaches it within a minute', () => {
  for (const [cpus, share] of [
    [2, 0.08],
    [8, 1 / 8],
    [64, 1 / 64],
  ] as const) {
    const { uses, levels } = simulate({ ...shared, cpus, makeJob: steady(cpus, share) })
    assert.ok(countChanges(settled(levels)) <= 3, `${cpus} CPUs: ${countChanges(settled(levels))} changes`)
    const atOneMinute = Math.abs((levels[MINUTE] ?? 0) - (levels.at(-1) ?? 0))
    assert.ok(atOneMinute <= 0.1 * (levels.at(-1) ?? 0) + 1, `${levels[MINUTE]} of ${levels.at(-1)}`)
    assert.ok(summarizeUses(settled(uses), { target: goal.targetCpu }).outside < 0.02)
  }
})

test('runs jobs that are shorter than the settling time without gaps', () => {
  const { uses } = simulate({ ...shared, cpus: 8, makeJob: shortJob })
  assert.is(summarizeUses(settled(uses), { target: goal.targetCpu }).outside, 0)
})

test('does not oscillate with downloads that take as long as the work', () => {
  const { levels, uses } = simulate({ ...shared, cpus: 2, makeJob: longDownload, seconds: 40 * MINUTE })
  const late = levels.slice(10 * MINUTE)
  assert.ok(Math.max(...late) - Math.min(...late) <= 4, `${Math.min(...late)} to ${Math.max(...late)}`)
  assert.ok(Math.max(...levels) <= 12, 'the downloads at the start do not look like room')
  assert.ok(Math.abs(summarizeUses(uses.slice(10 * MINUTE), { target: 0.7 }).mean - 0.7) < 0.1)
})

test('runs one job at a time if it uses all CPUs, or if other processes do', () => {
  const all = simulate({ ...shared, cpus: 4, makeJob: steady(4, 1) })
  assert.is(Math.max(...settled(all.levels)), 1)
  const crowded = simulate({ ...shared, cpus: 4, makeJob: steady(4, 0.1), background: () => 1 })
  assert.is(Math.max(...settled(crowded.levels)), 1)
  for (const { starvedSeconds, finished } of [all, crowded]) assert.ok(starvedSeconds === 0 && finished > 20)
})

test('reaches the maximum with jobs that use no CPU', () => {
  assert.is(simulate({ ...shared, cpus: 2, makeJob: waitingJob }).levels.at(-1), goal.max)
})

test('holds the target without knowledge of which process uses the CPU', () => {
  const { uses } = simulate({ ...shared, cpus: 8, makeJob: mixed(8), background: steps, hasTree: false })
  assert.ok(Math.abs(summarizeUses(settled(uses), { target: goal.targetCpu }).mean - goal.targetCpu) < 0.1)
})

test('never starves, never exceeds the maximum, and holds the target: any jobs, CPUs and background', () => {
  const machines = fc.record({
    cpus: fc.integer({ min: 1, max: 64 }),
    max: fc.integer({ min: 1, max: 64 }),
    targetCpu: fc.double({ min: 0.3, max: 0.9, noNaN: true }),
    share: fc.double({ min: 0.01, max: 0.2, noNaN: true }),
    waitSeconds: fc.double({ min: 0, max: 20, noNaN: true }),
    busySeconds: fc.double({ min: 0.5, max: 60, noNaN: true }),
    background: fc.double({ min: 0, max: 0.25, noNaN: true }),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    hasTree: fc.boolean(),
  })
  fc.assert(
    fc.property(machines, ({ cpus, max, targetCpu, share, background, ...rest }) => {
      const threads = cpus * share
      const makeJob: SimulatedMachine['makeJob'] = (random): SimulatedJob => ({
        waitSeconds: rest.waitSeconds * random.between(0.5, 1.5),
        workSeconds: threads * rest.busySeconds * random.between(0.5, 1.5),
        threads,
        tailSeconds: 0.2,
      })
      const machine = { cpus, goal: { max, targetCpu }, seconds: 12 * MINUTE, makeJob, background: () => background }
      const { uses, levels, starvedSeconds } = simulate({ ...machine, ...rest })
      assert.is(starvedSeconds, 0)
      assert.ok(levels.every((level) => level >= 1 && level <= max))
      if (!rest.hasTree) return // downloads look like jobs that cost nothing
      const { mean } = summarizeUses(uses.slice(5 * MINUTE), { target: targetCpu })
      assert.ok(mean < targetCpu + 0.1 || levels.at(-1) === 1, `mean ${mean}, target ${targetCpu}`)
      assert.ok(mean > targetCpu - 0.15 || (levels.at(-1) ?? 0) >= max, `mean ${mean}, target ${targetCpu}`)
    }),
    { numRuns: 40 },
  )
})

const idle: Sample = { seconds: 1, use: 0.1, own: 0, busy: 0, pressure: 0, jobs: 0, full: false }
const busy: Sample = { ...idle, use: 0.2, own: 0.1, busy: 1, jobs: 1, full: true }

/** Feeds a sample for some seconds. */
function feed(state: AdmissionState, sample: Sample, seconds: number): AdmissionState {
  return Array.from({ length: seconds }).reduce<AdmissionState>((last) => updateAdmission(last, goal, sample), state)
}

test('rises in steps, each after the level was full for the settling time', () => {
  const settling = feed(startAdmission(), busy, SETTLING_SECONDS - 1)
  assert.is(settling.level, 1)
  assert.is(feed(settling, busy, 1).level, 2)
  assert.is(feed(settling, { ...busy, full: false }, 100).level, 1)
})

test('does not rise until a job was busy or has ended', () => {
  const downloading = { ...busy, own: 0, busy: 0 }
  const state = feed(startAdmission(), downloading, 600)
  assert.is(state.level, 1)
  const ended = Array.from({ length: 9 }).reduce<AdmissionState>(
    (last) => endJob(last, beginJob(startAdmission()), 1),
    state,
  )
  assert.is(feed(ended, downloading, 1).level, 2)
})

test('falls at once when the background grows, and recovers after it', () => {
  const before = feed(startAdmission(), { ...busy, jobs: 4, busy: 4, own: 0.4, use: 0.5 }, 60)
  assert.ok(before.level >= 6)
  const during = feed(before, { ...busy, jobs: 6, busy: 6, own: 0.6, use: 1 }, 10)
  assert.ok(during.level <= 4, `level ${during.level}`)
  assert.is(feed(during, { ...busy, jobs: 4, busy: 4, own: 0.4, use: 0.5 }, 60).level, before.level)
})

test('a machine that is used up does not make jobs look cheaper', () => {
  const before = feed(startAdmission(), { ...busy, own: 0.6, use: 0.6 }, 60)
  const crowded = feed(before, { ...busy, jobs: 4, busy: 4, own: 1, use: 1 }, 60)
  assert.is(crowded.cost, before.cost)
  assert.is(crowded.level, 1)
})

test('does not rise under high pressure, and falls if tasks wait although CPUs look idle', () => {
  const waiting = { ...busy, pressure: 0.8 }
  assert.is(feed(startAdmission(), waiting, 60).level, 1)
  const before = feed(startAdmission(), busy, 2 * SETTLING_SECONDS)
  assert.is(before.level, 3)
  assert.is(feed(before, { ...busy, pressure: 1 }, 60).level, 1)
})
