/**
 * Breakpoints in the crash windows of docs/delivery.md, by scenario. `npm test` uses these breakpoints, and
 * `npm run test:all` uses many more. A unit test compares them with that page.
 */
import { isInTier } from '../helpers/tiers.ts'
import type { Breakpoint } from './breakpoints.ts'

const before = (label: string): Breakpoint => ({ label: `${label} #1`, when: 'before' })
const after = (label: string): Breakpoint => ({ label: `${label} #1`, when: 'after' })

export const windows = {
  success: [
    after('claiming: ReceiveMessage work'),
    after('claiming: SendMessage in-progress'),
    after('claiming: PUT document processing'),
    after('running: PUT output'),
    after('running: UploadPart output'),
    before('running: PUT document succeeded'),
    after('running: PUT document succeeded'),
  ],
  takeover: [after('claiming: SendMessage work')],
  deadLettering: [before('running: PUT document failed'), after('running: SendMessage dead')],
  deadLetteringBySweeper: [after('claiming: PUT document dead')],
} satisfies Record<string, readonly Breakpoint[]>

/** Returns the breakpoints of an exploration in this tier: `quick`, or the others that `find` returns, or both. */
export async function pickBreakpoints(
  quick: readonly Breakpoint[],
  find: () => Promise<readonly Breakpoint[]>,
): Promise<Breakpoint[]> {
  const others = isInTier(true) ? await find() : []
  const isOther = (one: Breakpoint) => quick.every(({ label, when }) => one.label !== label || one.when !== when)
  return [...(isInTier(false) ? quick : []), ...others.filter(isOther)]
}
