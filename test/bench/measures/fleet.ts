import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeVideo } from '../../helpers/media.ts'
import { readCpu, subtractCpu } from '../processes.ts'
import { judge, toRatio, type Result } from '../report.ts'
import { idleCode, openSite, startDaemon, toConfig, waitForJobs } from '../site.ts'
import { writeProbeStub } from '../stub.ts'

const SLOTS = 2

export type FleetSize = { daemons: readonly number[]; jobsPerSlot: number; jobSeconds: number }

/** Measures how the throughput of jobs that only wait grows with the number of daemons. */
export async function measureFleet(size: FleetSize): Promise<Result[]> {
  const runs: FleetRun[] = []
  for (const daemons of size.daemons) runs.push({ daemons, ...(await runFleet(daemons, size)) })
  const [first, ...others] = runs
  return first === undefined ? [] : others.map((run) => compareFleet(run, first))
}

type FleetRun = { daemons: number; perSecond: number; cores: number }

function compareFleet({ daemons, perSecond, cores }: FleetRun, first: FleetRun): Result {
  const single = first.perSecond / first.daemons
  return {
    measure: `${daemons} daemons with jobs that only wait: efficiency`,
    against: `${daemons} times one daemon`,
    ...judge(perSecond / (single * daemons), { atLeast: 0.95 }, toRatio),
    detail: `${perSecond.toFixed(2)} jobs/s against ${single.toFixed(2)}; the daemons use ${cores.toFixed(2)} cores`,
  }
}

async function runFleet(daemons: number, { jobsPerSlot, jobSeconds }: FleetSize) {
  await using resources = new AsyncDisposableStack()
  const site = resources.use(await openSite())
  const video = join(site.folder, 'video.mp4')
  await makeVideo(video, { seconds: 1 })
  const probe = await writeProbeStub(site.folder)
  const more = `ffmpeg: { probePath: ${JSON.stringify(probe)} },`
  const config = toConfig({ chain: `[idle({ sleep: ${jobSeconds} })]`, code: idleCode, concurrency: SLOTS, more })
  const started = []
  for (let n = 0; n < daemons; n++) started.push(resources.use(await startDaemon(site, config)))
  const content = await readFile(video)
  const jobs = daemons * SLOTS * jobsPerSlot
  const before = started.map(({ pid }) => readCpu(pid))
  const startedAt = performance.now()
  for (let job = 0; job < jobs; job++) await site.put(`origin_fleet-${job}.mp4`, content)
  await waitForJobs(started, 'fleet-', jobs)
  const seconds = (performance.now() - startedAt) / 1000
  const cpu = started.map(({ pid }, n) => subtractCpu(readCpu(pid), before[n] ?? { own: 0, children: 0 }))
  return { perSecond: jobs / seconds, cores: cpu.reduce((sum, { own, children }) => sum + own + children, 0) / seconds }
}
