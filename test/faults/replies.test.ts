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
import type { Stop } from './stops.ts'
import { toTierStops } from './windows.ts'

const test = suite('lost replies', { timeoutSeconds: EXPLORATION_SECONDS })

/** The claim, and the last step of an upload in parts. */
const quick: Stop[] = [
  { label: 'claiming: PUT document processing #1', when: 'after' },
  { label: 'running: CompleteMultipartUpload output #1', when: 'after' },
]

test(
  'the reply to any one call is lost, or the call itself: done once, in the first attempt',
  async () => explore(await toTierStops(quick, findStops), runWithLoss),
  { exhaustive: 'partly' },
)

async function findStops(): Promise<Stop[]> {
  const labels = (await findLabels(success)).filter((label) => all || isWrite(label))
  return labels.flatMap((label, n): Stop[] => {
    const after: Stop = { label, when: 'after' }
    if (label.includes('ReceiveMessage')) return [after]
    return all || n % 4 === 0 ? [{ label, when: 'before' }, after] : [after]
  })
}

/** Those under a condition: whoever repeats one of them is refused by his own success. */
const isWrite = (label: string) => /: PUT |CompleteMultipartUpload/.test(label)

/** False when the call never came. */
async function runWithLoss(stop: Stop): Promise<boolean> {
  await using bench = await startBench({ ...success.options, daemons: 0 })
  const run = await runScenario(bench, success, { ...stop, act: () => undefined })
  if (!(await isReached(bench, run))) return false
  await bench.waitUntilIdle()
  await checkExpected(bench, success)
  await checkAttempts(bench, 1)
  return true
}
