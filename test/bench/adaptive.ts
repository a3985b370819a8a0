/**
 * `npm run bench:adaptive`: compares adaptive with fixed concurrency on this machine. A daemon processes small ffmpeg jobs (paced
 * encodes, bursts, and jobs that wait) while a background load of half a CPU comes and goes; other programs of the machine
 * count too. Prints the CPU use over time, its mean, and the share of samples that are not within 0.1 of the target.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCpuMeter } from '../../daemon/machine/cpu-meter.ts'
import { startFleet, type Fleet } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '150' },
    fixed: { type: 'string', default: '2,4,8' },
    target: { type: 'string', default: '0.7' },
  },
})
const SECONDS = Number(values.seconds)
const TARGET = Number(values.target)
const MAX = 8
/** Time in which the controller learns what jobs cost; the statistics leave it out. */
const LEARNING_SECONDS = 40
const BACKGROUND_STEP_SECONDS = 40
/** More jobs than the machine can process: the queue is never empty. */
const toArrivals = (second: number) => (second === 1 ? 20 : 1)

/** Jobs of about 0.2 CPUs. Which kind a job is depends on its id. */
const code = `
const mix = definePlugin('mix', z.object({}), () => ({
  keys: ['mix_{name}.mp4'],
  async run({ job, workspace, signal, ffmpeg, add }) {
    const kind = Number.parseInt(job.id.slice(0, 6), 16) % 3
    if (kind === 2) await sleep(4000, undefined, { signal })
    const path = join(workspace, 'mix.mp4')
    const size = ['256:144', '160:90', '192:108'][kind]
    const options = ['-vf', 'scale=' + size, '-c:v', 'libx264', '-preset', 'veryfast', '-threads', '1', '-an']
    await ffmpeg({ inputOptions: ['-threads', '1', ...(kind === 1 ? [] : ['-re'])], outputs: [{ path, options }] })
    await add(path, 'video', { key: 'mix_{name}.mp4', contentType: 'video/mp4' })
  },
}))`

type Row = { concurrency: string; mean: number; outside: number; outsideOfMeans: number; jobs: number }

await using folder = await temporaryFolder()
const video = join(folder.path, 'video.mp4')
await makeVideo(video, { seconds: 10, width: 320, height: 180 })
const source = await readFile(video)
const meter = await openCpuMeter()
console.log(`${meter.cpus} CPUs, target ${TARGET}, ${SECONDS} s each, of which ${LEARNING_SECONDS} s are not counted`)
await meter.measure()
await sleep(5000)
console.log(`CPU use before the start: ${(await meter.measure()).use.toFixed(2)}`)
const rows: Row[] = []
for (const concurrency of [`{ max: ${MAX}, targetCpu: ${TARGET} }`, ...values.fixed.split(',')])
  rows.push(await measure(concurrency))
console.log('\nconcurrency                     mean  outside ±0.1: of seconds, of means of 10 s  jobs')
for (const { concurrency, mean, outside, outsideOfMeans, jobs } of rows)
  console.log(
    `${concurrency.padEnd(30)}  ${mean.toFixed(2)}  ${toPercent(outside).padStart(24)} ${toPercent(outsideOfMeans).padStart(17)} ${String(jobs).padStart(6)}`,
  )

async function measure(concurrency: string): Promise<Row> {
  await using fleet = await startFleet({
    code,
    chain: '[mix(), upload()]',
    more: `queues: {
      work: { url: env('MEDIAD_WORK_QUEUE_URL'), concurrency: ${concurrency} },
      inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
      dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
    },
    job: { leaseSeconds: 60 },`,
  })
  console.log(`\nconcurrency ${concurrency}\nsecond  use  background  running  level`)
  const uses: number[] = []
  using load = createLoad()
  let before = 0
  await meter.measure()
  for (let second = 1; second <= SECONDS; second++) {
    const hasBackground = Math.floor(second / BACKGROUND_STEP_SECONDS) % 2 === 1
    load.set(hasBackground)
    for (let n = 0; n < toArrivals(second); n++) await fleet.cloud.put(`origin_${second}-${n}.mp4`, source)
    await sleep(1000)
    const { use } = await meter.measure()
    uses.push(use)
    if (second === LEARNING_SECONDS) before = fleet.countEvents('job.succeeded')
    if (second % 5 === 0) console.log(toLine(fleet, { second, use: toMean(uses.slice(-5)), hasBackground }))
  }
  const counted = uses.slice(LEARNING_SECONDS)
  const means = counted.slice(9).map((_, start) => toMean(counted.slice(start, start + 10)))
  return {
    concurrency,
    mean: toMean(counted),
    outside: toOutside(counted),
    outsideOfMeans: toOutside(means),
    jobs: fleet.countEvents('job.succeeded') - before,
  }
}

/** A load of half a CPU, which the caller switches on and off. */
function createLoad(): Disposable & { set(isOn: boolean): void } {
  const spin = 'setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); }, 100)'
  let child: ChildProcess | null = null
  const set = (isOn: boolean) => {
    if (isOn) child ??= spawn(process.execPath, ['-e', spin], { stdio: 'ignore' })
    else {
      child?.kill('SIGKILL')
      child = null
    }
  }
  return { set, [Symbol.dispose]: () => set(false) }
}

function toLine(fleet: Fleet, { second, use, hasBackground }: { second: number; use: number; hasBackground: boolean }) {
  const ended = ['succeeded', 'failed', 'released', 'dead_lettered'].map((end) => fleet.countEvents(`job.${end}`))
  const running = fleet.countEvents('job.started') - ended.reduce((sum, count) => sum + count, 0)
  const level = fleet.daemons[0]?.entries.findLast(({ event }) => event === 'admission.changed')?.level ?? '–'
  const cells = [second, use.toFixed(2), hasBackground ? '0.5 CPU' : '', running, level]
  return cells.map((cell, n) => String(cell).padStart([6, 5, 10, 9, 7][n] ?? 0)).join('')
}

function toMean(list: readonly number[]): number {
  return list.reduce((sum, value) => sum + value, 0) / list.length
}

function toOutside(list: readonly number[]): number {
  return list.filter((use) => Math.abs(use - TARGET) > 0.1).length / list.length
}

function toPercent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
