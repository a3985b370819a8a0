import { suite } from '../helpers/suite.ts'
import { startBench } from './bench.ts'
import {
  all,
  checkAttempts,
  checkExpected,
  explore,
  EXPLORATION_SECONDS,
  findLabels,
  isReached,
  runScenario,
  success,
} from './explore.ts'
import type { Breakpoint } from './breakpoints.ts'

const test = suite('lost replies', { timeoutSeconds: EXPLORATION_SECONDS, exhaustive: true })

test('any one call or its reply is lost: done once, in the first attempt', async () => {
  await explore(await findBreakpoints(), runWithLoss)
})

async function findBreakpoints(): Promise<Breakpoint[]> {
  const labels = (await findLabels(success)).filter((label) => all || isWrite(label))
  return labels.flatMap((label, n): Breakpoint[] => {
    const after: Breakpoint = { label, when: 'after' }
    if (label.includes('ReceiveMessage')) return [after]
    return all || n % 4 === 0 ? [{ label, when: 'before' }, after] : [after]
  })
}

/** Selects conditional writes. When a lost reply makes the daemon repeat one, the service rejects the repetition with 412. */
const isWrite = (label: string) => /: PUT |CompleteMultipartUpload/.test(label)

/** Returns false when the call did not happen. */
async function runWithLoss(breakpoint: Breakpoint): Promise<boolean> {
  await using bench = await startBench({ ...success.options, daemons: 0 })
  const run = await runScenario(bench, success, { ...breakpoint, act: () => undefined })
  if (!(await isReached(bench, run))) return false
  await bench.waitUntilIdle()
  await checkExpected(bench, success)
  await checkAttempts(bench, 1)
  return true
}
