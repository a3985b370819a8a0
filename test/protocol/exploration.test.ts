import * as assert from 'uvu/assert'
import { sweepRules, takeRules } from '../../daemon/protocol/decide.ts'
import { suite } from '../helpers/suite.ts'
import { explore } from './model.ts'
import type { Defect } from './world.ts'

const SCHEDULES = Number(process.env.MEDIAD_SCHEDULES ?? 2000)

const test = suite('protocol exploration')

test(`keeps all invariants in ${SCHEDULES} random schedules`, () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) explore(seed)
})

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
