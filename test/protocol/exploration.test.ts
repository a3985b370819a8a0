import * as assert from 'uvu/assert'
import { sweepRules, takeRules } from '../../daemon/protocol/decide.ts'
import { suite } from '../helpers/suite.ts'
import { explore } from './model.ts'
import type { Broken } from './world.ts'

const SCHEDULES = Number(process.env.MEDIAD_SCHEDULES ?? 2000)

const test = suite('protocol exploration')

test(`${SCHEDULES} random schedules lose nothing and do nothing twice`, () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) explore(seed)
})

const broken: Broken[] = [
  ...takeRules.map(({ name }) => ({ takeRule: name })),
  ...sweepRules.map(({ name }) => ({ sweepRule: name })),
  { step: 'record' },
  { step: 'record before claim' },
  { step: 'send before release' },
  { step: 'fence' },
  { step: 'conditional upload' },
  { step: 'conditional document' },
]

for (const rule of broken) {
  test(`it notices when this is taken away: ${JSON.stringify(rule)}`, () => {
    const found = firstFailure(rule)
    assert.ok(found, `${SCHEDULES} schedules without ${JSON.stringify(rule)} and nothing went wrong`)
  })
}

function firstFailure(rule: Broken): string | null {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    try {
      explore(seed, rule)
    } catch (error) {
      return (error as Error).message
    }
  }
  return null
}
