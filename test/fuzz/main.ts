/**
 * `npm run fuzz -- --rounds 500 [--seed 1] [--jobs 2] [--only ROUND]` corrupts real files at random and runs the
 * chain on them. Prints the number of each outcome. Exits with 1 when a file is neither accepted nor clearly rejected.
 */
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
})
const [rounds, seed, jobs] = [Number(values.rounds), Number(values.seed), Number(values.jobs)]
console.log(`seed ${seed}, ${rounds} rounds`)
const startedAt = performance.now()
const { outcomes, findings, files } = await fuzz({
  rounds,
  seed,
  jobs,
  ...(values.only !== undefined && { only: Number(values.only) }),
  print: (line) => console.log(line),
})
for (const [outcome, count] of [...outcomes].toSorted(([, a], [, b]) => b - a))
  console.log(`${String(count).padStart(6)} ${outcome}`)
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
console.log(`${findings.length} findings in ${rounds} rounds over ${files} files, seed ${seed}, ${seconds} s`)
process.exitCode = findings.length > 0 ? 1 : 0
