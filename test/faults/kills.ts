import { startBench } from './bench.ts'
import {
  all,
  checkAttempts,
  checkExpected,
  shortenWorkVisibility,
  isReached,
  runScenario,
  success,
  type Scenario,
} from './explore.ts'
import { isInsideClaim, type Stop } from './stops.ts'

/** Before and after the call, or one of the two; of all calls or of those that the isSelected run is to see. */
export function toStops(labels: readonly string[], isSelected: (label: string) => boolean): Stop[] {
  return labels
    .filter((label) => all || isSelected(label))
    .flatMap((label, n): Stop[] => {
      const before: Stop = { label, when: 'before' }
      const after: Stop = { label, when: 'after' }
      if (label.includes('ReceiveMessage')) return [after] // before it is known to bring something, it is any poll
      return all ? [before, after] : [n % 2 === 0 ? before : after]
    })
}

/** Kills the daemon there, and lets the next one do the rest. False when the call never came. */
export async function runWithKill(scenario: Scenario, stop: Stop): Promise<boolean> {
  await using bench = await startBench({ ...scenario.options, daemons: 0 })
  const run = await runScenario(bench, scenario, { ...stop, act: ({ daemon }) => daemon.kill() })
  if (!(await isReached(bench, run))) return false
  await bench.start(shortenWorkVisibility)
  await bench.waitUntilIdle()
  await checkExpected(bench, scenario)
  if (scenario !== success) return true
  // a call that has nothing to do with the job may be on its way while the job's end is
  const ended = run.member.proxy.calls.some(({ fields }) => fields.state === 'succeeded')
  const wanted = isInsideClaim(stop) ? 2 : 1
  await checkAttempts(bench, wanted, ended ? 1 : wanted)
  return true
}
