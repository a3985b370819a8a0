/**
 * `npm run soak -- --jobs 1000 --daemons 3 --minutes 5 [--seed 1]`: many jobs in bad weather. Prints what it cost; exits 1
 * when a job was lost or an invariant is broken.
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
  say: (line) => console.log(line),
})
const { noticed, takenOver } = report
const toText = ({ count, median, max }: Spread) =>
  `${count} jobs: median ${median.toFixed(1)} s, at most ${max.toFixed(1)} s`
const formula = LEASE_SECONDS + RECHECK_SECONDS + SWEEP_SECONDS + 1
console.log(`
jobs done            ${report.jobs}, ${report.succeeded} succeeded, ${report.jobs - report.succeeded} dead, 0 lost, in ${report.seconds.toFixed(0)} s
attempts per job     ${report.attemptsPerJob.toFixed(3)} on average, ${report.mostAttempts} at most
work done again      ${JSON.stringify(report.repeated)} (attempts beyond the first, by what ended the one before)
kills                ${report.kills}
noticed after kill   ${toText(noticed)}
started again        ${toText(takenOver)} (with the wait behind all other jobs)
formula              lease + recheck + sweep + 1 = ${formula} s`)
