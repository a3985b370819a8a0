import { startBench } from './bench.ts'
import { all, checkAttempts, checkExpected, hideBriefly, isReached, perform, success, type Play } from './explore.ts'
import { isInsideClaim, type Stop } from './stops.ts'

/** Before and after the call, or one of the two; of all calls or of those that the everyday run is to see. */
export function toStops(labels: readonly string[], everyday: (label: string) => boolean): Stop[] {
  return labels
    .filter((label) => all || everyday(label))
    .flatMap((label, n): Stop[] => {
      const before: Stop = { label, when: 'before' }
      const after: Stop = { label, when: 'after' }
      if (label.includes('ReceiveMessage')) return [after] // before it is known to bring something, it is any poll
      return all ? [before, after] : [n % 2 === 0 ? before : after]
    })
}

/** Kills the daemon there, and lets the next one do the rest. False when the call never came. */
export async function runWithKill(play: Play, stop: Stop): Promise<boolean> {
  await using bench = await startBench({ ...play.options, daemons: 0 })
  const performance = await perform(bench, play, { ...stop, act: ({ daemon }) => daemon.kill() })
  if (!(await isReached(bench, performance))) return false
  await bench.start(hideBriefly)
  await bench.quiescence()
  await checkExpected(bench, play)
  if (play !== success) return true
  // a call that has nothing to do with the job may be on its way while the job's end is
  const ended = performance.member.line.calls.some(({ says }) => says.state === 'succeeded')
  const wanted = isInsideClaim(stop) ? 2 : 1
  await checkAttempts(bench, wanted, ended ? 1 : wanted)
  return true
}
