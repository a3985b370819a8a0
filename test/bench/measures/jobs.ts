import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openFaultProxy, type FaultProxy } from '../../faults/proxy.ts'
import { makeVideo } from '../../helpers/media.ts'
import { until } from '../../helpers/wait.ts'
import { readCpu, readRss, subtractCpu } from '../processes.ts'
import { judge, toMib, toMs, toRatio, type Result } from '../report.ts'
import { idleCode, openSite, startDaemon, toConfig, waitForJobs, type Site } from '../site.ts'
import { writeProbeStub } from '../stub.ts'
import { startWorker } from './batch.ts'

const CONCURRENCY = 8

/** Measures jobs whose chain does nothing: what mediad itself costs. */
export async function measureJobs({ jobs }: { jobs: number }): Promise<Result[]> {
  const own = await runDaemon(jobs)
  const other = await runWorker(jobs)
  const measure = `${jobs} jobs that do nothing, ffprobe replaced by a script`
  return [
    {
      measure: `${measure}: jobs per second`,
      ...judge(own.perSecond, { atLeast: 25 }, (value) => value.toFixed(1)),
      detail: `S3 and SQS on the same cores; RSS ${toMib(own.rssBefore)} before and ${toMib(own.rssAfter)} after`,
    },
    {
      measure: `${measure}: jobs per second`,
      against: 'a worker on sqs-consumer',
      value: toRatio(own.perSecond / other),
      detail: `${other.toFixed(1)} jobs/s: it receives and deletes messages, and does nothing else`,
    },
    {
      measure: 'CPU time of Node for a job that does nothing',
      ...judge(own.ownMs, { atMost: 30 }, toMs),
      detail: `and ${toMs(own.childrenMs)} in the script that stands for ffprobe`,
    },
  ]
}

async function runDaemon(jobs: number) {
  await using site = await openSite()
  const content = await makeContent(site)
  const probe = await writeProbeStub(site.folder)
  const more = `ffmpeg: { probePath: ${JSON.stringify(probe)} },`
  const config = toConfig({ chain: '[idle()]', code: idleCode, concurrency: CONCURRENCY, more })
  // all messages wait at the start: uploads at the same time would limit the rate
  await upload(site, 'idle', { content, jobs })
  await using daemon = await startDaemon(site, config)
  const before = readCpu(daemon.pid)
  const rssBefore = readRss(daemon.pid).now
  const startedAt = performance.now()
  await waitForJobs([daemon], 'idle', jobs)
  const seconds = (performance.now() - startedAt) / 1000
  const cpu = subtractCpu(readCpu(daemon.pid), before)
  return {
    perSecond: jobs / seconds,
    ownMs: (1000 * cpu.own) / jobs,
    childrenMs: (1000 * cpu.children) / jobs,
    rssBefore,
    rssAfter: readRss(daemon.pid).now,
  }
}

async function runWorker(jobs: number): Promise<number> {
  await using site = await openSite()
  await upload(site, 'idle', { content: await makeContent(site), jobs })
  const options = { folder: site.folder, ffmpeg: '', commands: [], slots: CONCURRENCY }
  await using worker = await startWorker(site.env, options)
  const startedAt = performance.now()
  await until('all are done', () => worker.lines.length > jobs, 3600)
  return jobs / ((performance.now() - startedAt) / 1000)
}

/** Counts the requests of a job, by operation and target. A job on a busy daemon shares its receive with others. */
export async function measureRequests({ jobs }: { jobs: number }): Promise<Result[]> {
  await using site = await openSite()
  await using proxy = await openFaultProxy({
    s3: site.env.AWS_ENDPOINT_URL_S3 ?? '',
    sqs: site.env.AWS_ENDPOINT_URL_SQS ?? '',
  })
  const content = await makeContent(site)
  const probe = await writeProbeStub(site.folder)
  const more = `ffmpeg: { probePath: ${JSON.stringify(probe)} },`
  const config = toConfig({ chain: '[idle({ sleep: 1 })]', code: idleCode, concurrency: 2, more })
  await using daemon = await startDaemon(site, config, toProxied(site, proxy))
  const before = proxy.calls.length
  await upload(site, 'counted', { content, jobs })
  await waitForJobs([daemon], 'counted', jobs)
  const queues = [site.env.MEDIAD_WORK_QUEUE_URL, site.env.MEDIAD_IN_PROGRESS_QUEUE_URL]
  await until(
    'every in-progress message is swept',
    async () => {
      const counts = await Promise.all(queues.map((url) => site.messages(url ?? '')))
      return counts.every(({ visible, hidden, delayed }) => visible + hidden + delayed === 0)
    },
    180,
  )
  const counts = new Map<string, number>()
  for (const { name } of proxy.calls.slice(before)) counts.set(name, (counts.get(name) ?? 0) + 1)
  const perJob = [...counts].map(([name, count]) => [name, count / jobs] as const).toSorted(([, a], [, b]) => b - a)
  const total = perJob.reduce((sum, [, count]) => sum + count, 0)
  return [
    {
      measure: 'requests to S3 and SQS per job without outputs',
      ...judge(total, { atMost: 14 }, (value) => value.toFixed(1)),
      detail: perJob.map(([name, count]) => `${name} ${count.toFixed(1)}`).join(', '),
    },
  ]
}

/** Returns the environment that leads all requests through the proxy. The SDK uses the host of the queue URL. */
export function toProxied({ env }: Pick<Site, 'env'>, proxy: FaultProxy): Record<string, string> {
  const sqs = env.AWS_ENDPOINT_URL_SQS ?? ''
  const urls = Object.entries(env).filter(([, value]) => value.startsWith(sqs))
  const moved = urls.map(([name, value]) => [name, value.replace(sqs, proxy.sqsUrl)])
  return { AWS_ENDPOINT_URL_S3: proxy.s3Url, ...Object.fromEntries(moved) }
}

async function makeContent({ folder }: Site): Promise<Buffer> {
  const path = join(folder, 'video.mp4')
  await makeVideo(path, { seconds: 1 })
  return readFile(path)
}

/** Uploads in groups, because the server limits the number of open connections. */
async function upload(site: Site, name: string, { content, jobs }: { content: Buffer; jobs: number }): Promise<void> {
  for (let first = 0; first < jobs; first += 10) {
    const group = Array.from({ length: Math.min(10, jobs - first) }, (_, n) => first + n)
    await Promise.all(group.map((job) => site.put(`origin_${name}-${job}.mp4`, content)))
  }
}
