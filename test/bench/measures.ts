import { measureBatch } from './measures/batch.ts'
import { measureIdle, measureStart } from './measures/daemon.ts'
import { measureFleet } from './measures/fleet.ts'
import { measureJobs, measureRequests } from './measures/jobs.ts'
import { measureGap, measurePickup } from './measures/pickup.ts'
import { measurePresign } from './measures/presign.ts'
import { measureRenditions } from './measures/renditions.ts'
import { measureLargeFile, measureLength } from './measures/size.ts'
import type { Result } from './report.ts'

/** A measure: at full size, and so small that it only shows that it works. */
type Measure = { readonly full: () => Promise<Result[]>; readonly smoke: () => Promise<Result[]> }

function measure<Size>(run: (size: Size) => Promise<Result[]>, full: Size, smoke: Size): Measure {
  return { full: () => run(full), smoke: () => run(smoke) }
}

/** The measures by name, in the order in which they run. */
export const measures: ReadonlyMap<string, Measure> = new Map([
  [
    'batch',
    measure(
      measureBatch,
      { clips: 12, seconds: 6, rounds: 5, targets: { xargs: 1.15 } },
      { clips: 2, seconds: 1, rounds: 1 },
    ),
  ],
  [
    'batch-long',
    measure(
      measureBatch,
      { clips: 12, seconds: 60, rounds: 3, targets: { xargs: 1.03, worker: 1 } },
      { clips: 2, seconds: 2, rounds: 1 },
    ),
  ],
  ['pickup', measure(measurePickup, { jobs: 40 }, { jobs: 2 })],
  ['gap', measure(measureGap, { jobs: 60 }, { jobs: 4 })],
  ['jobs', measure(measureJobs, { jobs: 1000 }, { jobs: 10 })],
  ['requests', measure(measureRequests, { jobs: 50 }, { jobs: 3 })],
  ['idle', measure(measureIdle, { seconds: 600 }, { seconds: 5 })],
  ['start', measure(measureStart, { rounds: 9 }, { rounds: 1 })],
  ['large-file', measure(measureLargeFile, { bytes: 2 * 2 ** 30 }, { bytes: 16 * 2 ** 20 })],
  ['length', measure(measureLength, { minutes: [1, 10, 60] }, { minutes: [0.1, 0.2] })],
  ['renditions', measure(measureRenditions, { seconds: 8, rounds: 2 }, { seconds: 1, rounds: 1 })],
  ['presign', measure(measurePresign, { seconds: 10 }, { seconds: 2 })],
  [
    'fleet',
    measure(
      measureFleet,
      { daemons: [1, 2, 4, 8], jobsPerSlot: 12, jobSeconds: 3 },
      { daemons: [1, 2], jobsPerSlot: 1, jobSeconds: 0.5 },
    ),
  ],
])
