/**
 * Breakpoints in the crash windows of docs/delivery.md, by scenario: `npm test` uses `quick`, one for each phase of a job. The
 * exhaustive tests use the others, and many more. A unit test compares them with that page.
 */
import { isInTier } from '../helpers/tiers.ts'
import type { Breakpoint } from './breakpoints.ts'

const before = (label: string): Breakpoint => ({ label: `${label} #1`, when: 'before' })
const after = (label: string): Breakpoint => ({ label: `${label} #1`, when: 'after' })

type Windows = { readonly quick: readonly Breakpoint[]; readonly rest: readonly Breakpoint[] }

export const windows = {
  success: {
    quick: [
      after('claiming: SendMessage in-progress'),
      after('running: UploadPart output'),
      after('running: PUT document succeeded'),
    ],
    rest: [
      after('claiming: ReceiveMessage work'),
      after('claiming: PUT document processing'),
      after('running: PUT output'),
      before('running: PUT document succeeded'),
    ],
  },
  takeover: { quick: [after('claiming: SendMessage work')], rest: [] },
  deadLettering: {
    quick: [after('running: SendMessage dead')],
    rest: [before('running: PUT document failed')],
  },
  deadLetteringBySweeper: { quick: [after('claiming: PUT document dead')], rest: [] },
} satisfies Record<string, Windows>

/** Returns the breakpoints of an exploration in this tier: the quick ones, or the others and what `find` returns, or all. */
export async function pickBreakpoints(
  { quick, rest }: Windows,
  find: () => Promise<readonly Breakpoint[]>,
): Promise<Breakpoint[]> {
  const isListed = (one: Breakpoint) =>
    [...quick, ...rest].some(({ label, when }) => one.label === label && one.when === when)
  const others = isInTier(true) ? [...rest, ...(await find()).filter((one) => !isListed(one))] : []
  return [...(isInTier(false) ? quick : []), ...others]
}
