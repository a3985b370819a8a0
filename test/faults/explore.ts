import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { until } from '../helpers/wait.ts'
import { startBench, type BenchOptions } from './bench.ts'
import { countLost, type Bench, type Expectations, type Member } from './scene.ts'
import type { Line } from './proxy.ts'
import { tellStory, type Stop, type Story } from './stops.ts'

/** `MEDIAD_FAULTS=all`: every stop there is; else a share of them that visits every part of a job's life. */
export const all = process.env.MEDIAD_FAULTS === 'all'

/** Runs at once, of each exploration: they mostly wait for leases and for hidden messages. */
const AT_ONCE = 4

process.setMaxListeners(100) // one per daemon

export const KEY = 'origin_a.mp4'

/** One output of a single PUT, one in parts; long enough for a heartbeat and for sweeps. */
const bulkCode = `${noteCode}
const bulk = definePlugin('bulk', z.object({}), () => ({
  keys: ['bulk_{name}.bin'],
  async run({ workspace, job, add }) {
    const path = join(workspace, 'bulk.bin')
    await writeFile(path, Buffer.alloc(9 * 1024 ** 2, job.claim))
    await add(path, 'bulk', { key: 'bulk_{name}.bin', contentType: 'application/octet-stream' })
  },
}))
`
/** Messages in hand stay hidden for half a lease, as with the defaults; the fleet's leases are a tenth of those. */
const HIDDEN_SECONDS = 3

/** More attempts than any run needs: a machine too busy for leases of seconds costs some. */
const MANY = 9
const more = `job: { attempts: ${MANY}, leaseSeconds: 6, recheckSeconds: 1, backoffSeconds: 1 },`

/** What is explored: one upload, and what is to become of it. */
export type Play = {
  readonly options: BenchOptions
  /** What comes before; then the daemon that is explored starts. */
  prologue?(bench: Bench): Promise<void>
  readonly expected?: Expectations
}

/** A job that goes well. */
export const success: Play = {
  options: { code: bulkCode, chain: '[note({ pause: 2 }), bulk(), upload()]', more },
  expected: { attempts: MANY },
}

/** A job that fails, is tried again, and is then refused: told to the dead queue, and dead. */
export const burial: Play = {
  options: {
    code: `
const fail = definePlugin('fail', z.object({}), () => ({
  run({ job }) {
    throw job.attempt === 1 ? new Error('at first') : new MediadError('fail.hopeless', 'no', { verdict: 'reject' })
  },
}))`,
    chain: '[fail()]',
    more,
  },
  expected: { dead: [KEY], moreDead: 1, attempts: MANY },
}

/** A job whose daemon died: what its successor does is explored. */
export const takeover = {
  ...success,
  async prologue(bench: Bench) {
    const { daemon } = await bench.start(hideBriefly)
    await bench.upload(KEY, await tinyVideo())
    await daemon.waitFor('job started')
    await daemon.kill()
  },
} satisfies Play

/** A job that had one attempt, and whose daemon died in it: its successor buries it. */
export const funeral: Play = {
  options: { ...success.options, more: more.replace(`attempts: ${MANY}`, 'attempts: 1') },
  prologue: takeover.prologue,
  expected: { dead: [KEY], moreDead: 1, attempts: 1 },
}

/** The calls of a run that goes well. */
export async function findLabels(play: Play): Promise<readonly string[]> {
  await using bench = await startBench({ ...play.options, daemons: 0 })
  const { story } = await perform(bench, play)
  await bench.quiescence()
  await bench.checkInvariants(play.expected)
  return story.labels
}

/** Runs every stop, some at once. @throws Error with all that broke; or when many never came */
export async function explore(stops: readonly Stop[], run: (stop: Stop) => Promise<boolean>): Promise<void> {
  const queue = [...stops]
  const broken: string[] = []
  const missed: string[] = []
  async function worker() {
    for (let stop = queue.shift(); stop !== undefined; stop = queue.shift()) {
      const name = `${stop.when} ${stop.label}`
      try {
        if (!((await run(stop)) || (await run(stop)))) missed.push(name)
      } catch (error) {
        broken.push(`${name}: ${(error as Error).message.split('\n').slice(0, 30).join('\n').slice(0, 6000)}`)
      }
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  process.stdout.write(
    `  explored ${stops.length} stops in ${seconds} s; not reached: ${missed.join('; ') || 'none'}\n`,
  )
  if (broken.length > 0) throw new Error(`${broken.length} of ${stops.length} broke:\n${broken.join('\n')}`)
  // how many sweeps and heartbeats there are depends on the machine: what one run did for the fifth time another may not
  if (missed.length > Math.max(3, stops.length / 2)) throw new Error(`not reached: ${missed.join('; ')}`)
}

export type Act = Stop & { act(member: Member): void | Promise<void> }

type Performance = { readonly member: Member; readonly story: Story; hasActed(): boolean }

/** Starts the daemon that is explored, in the scene that the play sets; something happens to it at one of its calls. */
export async function perform(bench: Bench, { prologue }: Play, act?: Act): Promise<Performance> {
  await prologue?.(bench)
  const started = Promise.withResolvers<Member>()
  let acted = false
  const plot = act && {
    ...act,
    async act() {
      acted = true
      await act.act(await started.promise)
    },
  }
  const { promise, resolve } = Promise.withResolvers<Story>()
  const member = await bench.start((line) => {
    hideBriefly(line)
    resolve(tellStory(line, plot))
  })
  started.resolve(member)
  const story = await promise
  story.begin()
  if (!prologue) await bench.upload(KEY, await tinyVideo())
  return { member, story, hasActed: () => acted }
}

export function hideBriefly(line: Line): void {
  line.rewrite(({ name }) => (name === 'ReceiveMessage work' ? { VisibilityTimeout: HIDDEN_SECONDS } : {}))
}

/** Whether the call came before the job was over and its last message gone. */
export async function isReached(bench: Bench, { hasActed }: Performance): Promise<boolean> {
  await until('the call comes, or all is over', async () => hasActed() || (await bench.isQuiescent()), 70)
  return hasActed()
}

/**
 * How often the job was attempted. On a machine too busy for leases of seconds an owner stops himself now and then, as he
 * must: each of those costs one attempt more.
 */
export async function checkAttempts(bench: Bench, wanted: number, atLeast = wanted): Promise<void> {
  const lost = countLost(bench)
  const { attempt = 0 } = (await bench.document(KEY)) ?? {}
  if (attempt < atLeast || attempt > wanted + lost)
    throw new Error(`attempted ${attempt} times, not ${wanted}; leases were lost ${lost} times`)
}
