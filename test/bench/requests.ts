/**
 * `npm run bench:requests`: counts the requests of a daemon with the repository's media.config.ts to S3 and SQS, idle and per
 * job, and calculates the cost of an idle month and of a thousand videos. Takes three minutes.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { openFaultProxy, type FaultProxy } from '../faults/proxy.ts'
import type { Call } from '../faults/calls.ts'
import { startCloud, type Cloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { until } from '../helpers/wait.ts'
import { toProxied } from './measures/jobs.ts'

/** US dollars per request, public list prices of us-east-1: see docs/deploy.md. The free first million of SQS is not subtracted. */
const PRICE = { put: 5 / 1e6, get: 0.4 / 1e6, sqs: 0.4 / 1e6 }
const MONTH_SECONDS = 30 * 24 * 3600
const IDLE_SECONDS = 105 // long enough for polls of both queues
const JOBS = 5

type Count = { put: number; get: number; sqs: number; free: number }

const root = join(import.meta.dirname, '../..')
await using cloud = await startCloud()
await using proxy = await openFaultProxy({ s3: cloud.local.s3Endpoint, sqs: cloud.local.sqsEndpoint })
await using daemon = await startMediad(['start', '--port', '0', '--config', join(root, 'media.config.ts')], {
  env: { ...cloud.local.env, ...toProxied(cloud.local, proxy) },
})
await daemon.started()
const atStart = count(proxy.calls)
report('one start', atStart)

const idle = await countWithin(proxy, () => sleep(IDLE_SECONDS * 1000))
const perSecond = { ...idle, sqs: idle.sqs / IDLE_SECONDS }
report(`idle for ${IDLE_SECONDS} s`, idle)
const month = perSecond.sqs * MONTH_SECONDS
console.log(`  one idle daemon, 30 days: ${month.toFixed(0)} requests to SQS, $${(month * PRICE.sqs).toFixed(2)}`)

await using folder = await temporaryFolder()
for (const { name, seconds, width, height } of [
  { name: '2 s of 160×90', seconds: 2, width: 160, height: 90 },
  { name: '60 s of 1920×1080', seconds: 60, width: 1920, height: 1080 },
]) {
  const path = join(folder.path, `video-${seconds}.mp4`)
  await makeVideo(path, { seconds, width, height })
  const video = await readFile(path)
  const jobs = seconds > 30 ? 1 : JOBS
  const startedAt = performance.now()
  let busySeconds = 0
  const total = await countWithin(proxy, async () => {
    for (let job = 0; job < jobs; job++) busySeconds += await runJob(cloud, `origin_${seconds}-${job}.mp4`, video)
    await waitUntilSwept(cloud)
  })
  const elapsed = (performance.now() - startedAt) / 1000
  const own = divide(subtract(total, { ...idle, put: 0, get: 0, sqs: perSecond.sqs * elapsed, free: 0 }), jobs)
  report(`a job of ${name}, which ran for ${(busySeconds / jobs).toFixed(1)} s`, own)
  console.log(`  requests of a thousand such jobs: $${(1000 * toCost(own)).toFixed(2)}`)
}
await daemon.stop()

/** Uploads a source, waits for the end of its job, and returns the seconds that the job ran. */
async function runJob({ put }: Cloud, key: string, video: Buffer): Promise<number> {
  await put(key, video)
  const entry = await daemon.waitFor(
    ({ event, outputs }) => event === 'job.succeeded' && String(outputs).includes(key.slice(7, -4)),
    600,
  )
  return Number(entry.seconds)
}

/** Waits until every in-progress message is swept. */
async function waitUntilSwept({ messages, local }: Cloud): Promise<void> {
  await until(
    'the queues are empty',
    async () => {
      const counts = await Promise.all([messages(local.queueUrls.work), messages(local.queueUrls.inProgress)])
      return counts.every(({ visible, hidden, delayed }) => visible + hidden + delayed === 0)
    },
    120,
  )
}

async function countWithin({ calls }: FaultProxy, act: () => Promise<unknown>): Promise<Count> {
  const before = calls.length
  await act()
  return count(calls.slice(before))
}

function count(calls: readonly Call[]): Count {
  const counted: Count = { put: 0, get: 0, sqs: 0, free: 0 }
  for (const call of calls) counted[toKind(call)]++
  return counted
}

/** Returns the price class: PUT, POST and LIST cost more than GET and HEAD; DELETE and AbortMultipartUpload are free. */
function toKind({ service, op }: Call): keyof Count {
  if (service === 'sqs') return 'sqs'
  if (op === 'GET' || op === 'HEAD') return 'get'
  return op === 'DELETE' || op === 'AbortMultipartUpload' ? 'free' : 'put'
}

function subtract(a: Count, b: Count): Count {
  return { put: a.put - b.put, get: a.get - b.get, sqs: a.sqs - b.sqs, free: a.free - b.free }
}

function divide({ put, get, sqs, free }: Count, by: number): Count {
  return { put: put / by, get: get / by, sqs: sqs / by, free: free / by }
}

function toCost({ put, get, sqs }: Count): number {
  return put * PRICE.put + get * PRICE.get + sqs * PRICE.sqs
}

function report(what: string, { put, get, sqs, free }: Count): void {
  const shown = [put, get, free, sqs].map((n) => n.toFixed(1).padStart(7))
  console.log(`${what}:\n  S3 PUT… ${shown[0]}  S3 GET… ${shown[1]}  S3 DELETE ${shown[2]}  SQS ${shown[3]}`)
}
