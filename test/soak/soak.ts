import { setTimeout as sleep } from 'node:timers/promises'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { startBench, type Bench } from '../faults/bench.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { createRandom, type Random } from '../protocol/random.ts'
import { createFaultInjector } from './fault-injector.ts'
import { toReport, type Report } from './report.ts'

export type SoakOptions = {
  jobs: number
  daemons: number
  /** Duration of uploads and faults. Afterwards all jobs must finish. */
  seconds: number
  seed: number
  print(line: string): void
}

export const LEASE_SECONDS = 6
export const RECHECK_SECONDS = 1
export const SWEEP_SECONDS = 1
/** One job in this many is transcoded; the others take almost no CPU time. */
const TRANSCODE_EVERY = 10
/** Time limit for the remaining jobs once no faults are injected any more. */
const DRAIN_SECONDS = 240

const code = `${noteCode}
const video = transcode({ preset: 'ultrafast', key: 'video_{name}.mp4' })
const some = definePlugin('some', z.object({}), () => ({
  keys: video.hooks.keys,
  run: (context) => (context.source.key.includes('transcode') ? video.hooks.run(context) : undefined),
}))`
// kills use up attempts, and no job should end dead because of them
const more = `job: { attempts: 99, leaseSeconds: ${LEASE_SECONDS}, recheckSeconds: ${RECHECK_SECONDS}, backoffSeconds: 1 },
  shutdown: { graceSeconds: 1 },`

/**
 * Runs many jobs on a few daemons while faults are injected: daemons are killed, stopped and replaced, requests fail or
 * lose their replies, notifications are duplicated. @throws Error when a job is lost or an invariant is violated
 */
export async function soak(options: SoakOptions): Promise<Report> {
  const { daemons, seconds, seed, print } = options
  const random = createRandom(seed)
  await using bench = await startBench({ daemons, code, chain: '[note({ pause: 0.2 }), some(), upload()]', more })
  const injector = createFaultInjector({ bench, random, daemons })
  const end = new AbortController()
  const injecting = injector.run(end.signal)
  const keys = await uploadAll(bench, random, options)
  await sleep(Math.max(0, seconds * 1000 - injector.sinceStartMs()))
  end.abort()
  await injecting
  print(`faults injected for ${Math.round(injector.sinceStartMs() / 1000)} s: ${injector.summary()}`)
  const documents = await waitUntilAllFinished(bench, keys, print)
  await bench.waitUntilIdle(DRAIN_SECONDS)
  await bench.checkInvariants()
  return toReport({ documents, bench, kills: injector.kills, seconds: injector.sinceStartMs() / 1000 })
}

async function uploadAll(bench: Bench, random: Random, { jobs, seconds }: SoakOptions): Promise<string[]> {
  const video = await tinyVideo()
  const keys: string[] = []
  for (let n = 0; n < jobs; n++) {
    const key = `origin_${n % TRANSCODE_EVERY === 0 ? 'transcode' : 'plain'}-${n}.mp4`
    const etag = await bench.upload(key, video)
    keys.push(key)
    // a duplicate notification, perhaps of a finished job
    if (random.chance(0.1))
      await bench.notify(toNotificationBody({ bucket: BUCKET, key, etag, sizeBytes: video.length }))
    await sleep(random.between(0, (1.6 * seconds * 1000) / jobs))
  }
  return keys
}

async function waitUntilAllFinished(
  bench: Bench,
  keys: readonly string[],
  print: SoakOptions['print'],
): Promise<JobDocument[]> {
  const finished: JobDocument[] = []
  let open = [...keys]
  const end = performance.now() + DRAIN_SECONDS * 1000
  while (open.length > 0) {
    const stillOpen: string[] = []
    for (const key of open) {
      const document = await bench.document(key)
      if (document?.state === 'succeeded' || document?.state === 'dead') finished.push(document)
      else stillOpen.push(key)
    }
    open = stillOpen
    print(`${finished.length} of ${keys.length} jobs finished`)
    if (performance.now() > end)
      throw new Error(`lost: ${open.slice(0, 10).join(', ')} and ${Math.max(0, open.length - 10)} more`)
    if (open.length > 0) await sleep(1000)
  }
  return finished
}
