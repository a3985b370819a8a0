import * as assert from 'uvu/assert'
import { sweepRules, takeRules } from '../../daemon/protocol/decide.ts'
import { suite } from '../helpers/suite.ts'
import { explore } from './model.ts'
import { pickCases } from '../helpers/tiers.ts'
import type { Defect } from './world.ts'

const SCHEDULES = Number(process.env.MEDIAD_SCHEDULES ?? 2000)

/** The quick run has one in this number. */
const QUICK_SHARE = 4

const test = suite('protocol exploration')

test(
  `keeps all invariants in ${SCHEDULES} random schedules`,
  () => {
    const seeds = Array.from({ length: SCHEDULES }, (_, index) => index + 1)
    for (const seed of pickCases(seeds, (it) => it % QUICK_SHARE === 0)) explore(seed)
  },
  { exhaustive: 'partly' },
)

const defects: Defect[] = [
  ...takeRules.map(({ name }) => ({ takeRule: name })),
  ...sweepRules.map(({ name }) => ({ sweepRule: name })),
  { step: 'in-progress message' },
  { step: 'in-progress message before claim' },
  { step: 'send before release' },
  { step: 'fence' },
  { step: 'conditional upload' },
  { step: 'conditional document' },
]

for (const defect of defects) {
  test(`violates an invariant without ${JSON.stringify(defect)}`, () => {
    const violation = findViolation(defect)
    assert.ok(violation, `${SCHEDULES} schedules without ${JSON.stringify(defect)} violate no invariant`)
  })
}

function findViolation(defect: Defect): string | null {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    try {
      explore(seed, defect)
    } catch (error) {
      return (error as Error).message
    }
  }
  return null
}
