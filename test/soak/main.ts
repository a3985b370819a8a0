/**
 * `npm run soak -- --jobs 1000 --daemons 3 --minutes 5 [--seed 1]`: runs many jobs while faults are injected, and prints a
 * report. Exits with 1 when a job is lost or an invariant is violated.
 */
import { parseArgs } from 'node:util'
import type { Spread } from './report.ts'
import { LEASE_SECONDS, RECHECK_SECONDS, soak, SWEEP_SECONDS } from './soak.ts'

const number = (fallback: string) => ({ type: 'string', default: fallback }) as const
const { values } = parseArgs({
  options: { jobs: number('1000'), daemons: number('3'), minutes: number('5'), seed: number('1') },
})
const report = await soak({
  jobs: Number(values.jobs),
  daemons: Number(values.daemons),
  seconds: Number(values.minutes) * 60,
  seed: Number(values.seed),
  print: (line) => console.log(line),
})
const { detected, restarted } = report
const toText = ({ count, median, max }: Spread) =>
  `${count} jobs: median ${median.toFixed(1)} s, at most ${max.toFixed(1)} s`
const formula = LEASE_SECONDS + RECHECK_SECONDS + SWEEP_SECONDS + 1
console.log(`
jobs finished        ${report.jobs}, ${report.succeeded} succeeded, ${report.jobs - report.succeeded} dead, 0 lost, in ${report.seconds.toFixed(0)} s
attempts per job     ${report.attemptsPerJob.toFixed(3)} on average, ${report.mostAttempts} at most
repeated attempts    ${JSON.stringify(report.repeated)} (by the error of the attempt before)
kills                ${report.kills}
detected after kill  ${toText(detected)}
started again        ${toText(restarted)} (including the wait for a free slot)
formula              lease + recheck + sweep + 1 = ${formula} s`)
