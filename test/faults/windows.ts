/**
 * The crash windows of docs/delivery.md in which the daemon dies at one of its calls, by the scenario in which the call is made:
 * `npm test` stops a daemon at these, and `npm run test:all` at many more. A unit test compares them with that page.
 */
import { isInTier } from '../helpers/tiers.ts'
import type { Stop } from './stops.ts'

const before = (label: string): Stop => ({ label: `${label} #1`, when: 'before' })
const after = (label: string): Stop => ({ label: `${label} #1`, when: 'after' })

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
} satisfies Record<string, readonly Stop[]>

/** What an exploration of this tier stops at: its quick stops, or those of the others that `find` gives. */
export async function toTierStops(quick: readonly Stop[], find: () => Promise<readonly Stop[]>): Promise<Stop[]> {
  const others = isInTier(true) ? await find() : []
  const isOther = (stop: Stop) => quick.every(({ label, when }) => stop.label !== label || stop.when !== when)
  return [...(isInTier(false) ? quick : []), ...others.filter(isOther)]
}
