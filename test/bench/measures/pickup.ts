import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeVideo } from '../../helpers/media.ts'
import { until } from '../../helpers/wait.ts'
import { judge, toMs, type Result } from '../report.ts'
import { idleCode, openSite, startDaemon, toConfig, waitForJobs, type Site } from '../site.ts'
import { toPercentile } from '../statistics.ts'
import { writeProbeStub, writeTimedFfmpeg } from '../stub.ts'
import { startWorker } from './batch.ts'

/** A plugin that starts ffmpeg as its first act. */
const copyCode = `
const copy = definePlugin('copy', z.object({}), () => ({
  async run({ ffmpeg, workspace }) {
    await ffmpeg({ outputs: [{ path: workspace + '/copy.mp4', options: ['-c', 'copy'] }] })
  },
  publishes: () => true,
}))
`

/**
 * Measures the time from an upload to the start of ffmpeg, when nothing else is to do: download and ffprobe of a small file
 * included, and the same for a worker on sqs-consumer, which does not run ffprobe. Uploads come at random times between polls.
 */
export async function measurePickup({ jobs }: { jobs: number }): Promise<Result[]> {
  const detail = 'from the end of the upload; random times; a file of some kilobytes'
  const own = await withSite(jobs, async (site, ffmpeg) => {
    const more = `ffmpeg: { path: ${JSON.stringify(ffmpeg)} },`
    return startDaemon(site, toConfig({ chain: '[copy()]', code: copyCode, more }))
  })
  const other = await withSite(jobs, async ({ env, folder }, ffmpeg) =>
    startWorker(env, { folder, ffmpeg, commands: [['-version']] }),
  )
  const p95 = judge(toPercentile(own, 0.95), { atMost: 250 }, toMs)
  const measure = 'upload → ffmpeg started, on an idle daemon'
  return [
    { measure: `${measure}, p95`, ...p95, detail: `p50 ${toMs(toPercentile(own, 0.5))}, ${jobs} jobs; ${detail}` },
    {
      measure: `${measure}, p95`,
      against: 'a worker on sqs-consumer',
      value: toMs(toPercentile(other, 0.95)),
      detail: `p50 ${toMs(toPercentile(other, 0.5))}; without ffprobe`,
    },
    {
      measure: `${measure}, p95`,
      against: 'a poll every 5 s, as media-server does',
      value: toMs(4750),
      detail: `p50 ${toMs(2500)}, by calculation: a message waits for the next poll, and nothing else takes time`,
    },
  ]
}

type Start = (site: Site, ffmpeg: string) => Promise<AsyncDisposable>

/** Starts a program, uploads one file at a time, and returns the milliseconds until each ffmpeg started. */
async function withSite(jobs: number, start: Start): Promise<number[]> {
  await using site = await openSite()
  const log = join(site.folder, 'starts')
  const video = join(site.folder, 'video.mp4')
  await makeVideo(video, { seconds: 1 })
  const ffmpeg = await writeTimedFfmpeg(site.folder, log)
  await using _ = await start(site, ffmpeg)
  const content = await readFile(video)
  const times: number[] = []
  for (let job = 0; job < jobs; job++) {
    await sleep(1000 + Math.random() * 3000)
    await writeFile(log, '')
    await site.put(`origin_${job}.mp4`, content)
    const uploadedAt = performance.timeOrigin + performance.now()
    const text = await until('ffmpeg has started', () => readFile(log, 'utf8'))
    times.push(Number(text.split('\n')[0]) * 1000 - uploadedAt)
  }
  return times
}

/** Measures the time between two jobs on one slot while more work waits. */
export async function measureGap({ jobs }: { jobs: number }): Promise<Result[]> {
  await using site = await openSite()
  const video = join(site.folder, 'video.mp4')
  await makeVideo(video, { seconds: 1 })
  const probe = await writeProbeStub(site.folder)
  const events = join(site.folder, 'events')
  const more = `ffmpeg: { probePath: ${JSON.stringify(probe)} },
  onEvent({ type }) {
    const now = performance.timeOrigin + performance.now()
    if (type === 'job:started' || type === 'job:succeeded') appendFileSync(${JSON.stringify(events)}, type + ' ' + now + '\\n')
  },`
  await using daemon = await startDaemon(
    site,
    toConfig({ chain: '[idle({ sleep: 0.3 })]', code: idleCode, concurrency: 1, more }),
  )
  const content = await readFile(video)
  await Promise.all(Array.from({ length: jobs }, (_, job) => site.put(`origin_gap-${job}.mp4`, content)))
  await waitForJobs([daemon], 'gap-', jobs)
  const lines = (await readFile(events, 'utf8')).trimEnd().split('\n')
  const at = lines.map((line) => Number(line.split(' ')[1]))
  const gaps = lines.flatMap((line, n) =>
    n > 0 && line.startsWith('job:started') ? [(at[n] ?? 0) - (at[n - 1] ?? 0)] : [],
  )
  const detail = `p50 ${toMs(toPercentile(gaps, 0.5))}, ${gaps.length} gaps: a request for the next message, and its claim`
  return [
    {
      measure: 'gap between two jobs on one slot while work waits, p95',
      ...judge(toPercentile(gaps, 0.95), { atMost: 100 }, toMs),
      detail,
    },
  ]
}
