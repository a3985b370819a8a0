import { setTimeout as sleep } from 'node:timers/promises'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { startBench, type Bench } from '../faults/bench.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { createDice, type Dice } from '../protocol/dice.ts'
import { createWeather } from './fault-injector.ts'
import { toReport, type Report } from './report.ts'

export type SoakOptions = {
  jobs: number
  daemons: number
  /** How long uploads and bad weather last; then everything must come to an end. */
  seconds: number
  seed: number
  say(line: string): void
}

export const LEASE_SECONDS = 6
export const RECHECK_SECONDS = 1
export const SWEEP_SECONDS = 1
/** One job in so many goes through ffmpeg; the others cost next to nothing. */
const REAL_EVERY = 10
/** What is left when the weather is over has this long. */
const DRAIN_SECONDS = 240

const code = `${noteCode}
const film = transcode({ preset: 'ultrafast', key: 'film_{name}.mp4' })
const real = definePlugin('real', z.object({}), () => ({
  keys: film.hooks.keys,
  run: (context) => (context.source.key.includes('real') ? film.hooks.run(context) : undefined),
}))`
// kills use up attempts as failures do: here no job may die of the weather
const more = `job: { attempts: 99, leaseSeconds: ${LEASE_SECONDS}, recheckSeconds: ${RECHECK_SECONDS}, backoffSeconds: 1 },
  shutdown: { graceSeconds: 1 },`

/**
 * Many jobs, a few daemons, and bad weather: daemons killed, stopped and replaced, requests that fail or whose replies are
 * lost, notifications that come twice. @throws Error when a job is lost or an invariant is broken
 */
export async function soak(options: SoakOptions): Promise<Report> {
  const { daemons, seconds, seed, say } = options
  const dice = createDice(seed)
  await using bench = await startBench({ daemons, code, chain: '[note({ pause: 0.2 }), real(), upload()]', more })
  const weather = createWeather({ bench, dice, daemons })
  const storm = new AbortController()
  const blowing = weather.blow(storm.signal)
  const keys = await uploadAll(bench, dice, options)
  await sleep(Math.max(0, seconds * 1000 - weather.sinceStartMs()))
  storm.abort()
  await blowing
  say(`the weather is over after ${Math.round(weather.sinceStartMs() / 1000)} s: ${weather.summary()}`)
  const documents = await untilAllOver(bench, keys, say)
  await bench.waitUntilIdle(DRAIN_SECONDS)
  await bench.checkInvariants()
  return toReport({ documents, bench, kills: weather.kills, seconds: weather.sinceStartMs() / 1000 })
}

async function uploadAll(bench: Bench, dice: Dice, { jobs, seconds }: SoakOptions): Promise<string[]> {
  const film = await tinyVideo()
  const keys: string[] = []
  for (let n = 0; n < jobs; n++) {
    const key = `origin_${n % REAL_EVERY === 0 ? 'real' : 'cheap'}-${n}.mp4`
    const etag = await bench.upload(key, film)
    keys.push(key)
    // again, perhaps long after it is done
    if (dice.chance(0.1)) await bench.notify(toNotificationBody({ bucket: BUCKET, key, etag, sizeBytes: film.length }))
    await sleep(dice.between(0, (1.6 * seconds * 1000) / jobs))
  }
  return keys
}

async function untilAllOver(bench: Bench, keys: readonly string[], say: SoakOptions['say']): Promise<JobDocument[]> {
  const over: JobDocument[] = []
  let open = [...keys]
  const end = performance.now() + DRAIN_SECONDS * 1000
  while (open.length > 0) {
    const stillOpen: string[] = []
    for (const key of open) {
      const document = await bench.document(key)
      if (document?.state === 'succeeded' || document?.state === 'dead') over.push(document)
      else stillOpen.push(key)
    }
    open = stillOpen
    say(`${over.length} of ${keys.length} jobs are over`)
    if (performance.now() > end)
      throw new Error(`lost: ${open.slice(0, 10).join(', ')} and ${Math.max(0, open.length - 10)} more`)
    if (open.length > 0) await sleep(1000)
  }
  return over
}
