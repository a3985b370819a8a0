import { startBench } from './bench.ts'
import { isInsideClaim, type Breakpoint } from './breakpoints.ts'
import {
  all,
  checkAttempts,
  checkExpected,
  isReached,
  runScenario,
  shortenWorkVisibility,
  success,
  type Scenario,
} from './explore.ts'

/**
 * Returns breakpoints at the calls that `isSelected` accepts, alternately before and after the call. With `MEDIAD_FAULTS=all`
 * returns both for every call.
 */
export function toBreakpoints(labels: readonly string[], isSelected: (label: string) => boolean): Breakpoint[] {
  return labels
    .filter((label) => all || isSelected(label))
    .flatMap((label, n): Breakpoint[] => {
      const before: Breakpoint = { label, when: 'before' }
      const after: Breakpoint = { label, when: 'after' }
      if (label.includes('ReceiveMessage')) return [after] // before its reply, a poll cannot be told from any other
      return all ? [before, after] : [n % 2 === 0 ? before : after]
    })
}

/** Kills the daemon at the breakpoint and starts another one. Returns false when the call did not happen. */
export async function runWithKill(scenario: Scenario, breakpoint: Breakpoint): Promise<boolean> {
  await using bench = await startBench({ ...scenario.options, daemons: 0 })
  const run = await runScenario(bench, scenario, { ...breakpoint, act: ({ daemon }) => daemon.kill() })
  if (!(await isReached(bench, run))) return false
  await bench.start(shortenWorkVisibility)
  await bench.waitUntilIdle()
  await checkExpected(bench, scenario)
  if (scenario !== success) return true
  // a call that does not belong to the job can be in flight at the same time as the end of the job
  const isEndSent = run.member.proxy.calls.some(({ fields }) => fields.state === 'succeeded')
  const expected = isInsideClaim(breakpoint) ? 2 : 1
  await checkAttempts(bench, expected, isEndSent ? 1 : expected)
  return true
}
