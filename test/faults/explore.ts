import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import type { Bench, Member } from './scene.ts'
import type { Line } from './proxy.ts'
import { tellStory, type Stop, type Story } from './stops.ts'

/** `MEDIAD_FAULTS=all`: every stop there is; else a share of them that visits every part of a job's life. */
export const all = process.env.MEDIAD_FAULTS === 'all'

/** Runs at once: they mostly wait for leases and for hidden messages. */
const AT_ONCE = 8

process.setMaxListeners(100) // one per daemon

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

/** The job that is explored. */
export const job = { code: bulkCode, chain: '[note({ pause: 2 }), bulk(), upload()]' }

/** The calls of a run that goes well. */
export async function findLabels(): Promise<readonly string[]> {
  await using bench = await startBench({ ...job, daemons: 0 })
  let story: Story | undefined
  await bench.start((line) => (story = tellStory(line)))
  story?.begin()
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.quiescence()
  await bench.checkInvariants()
  return story?.labels ?? []
}

/** Runs every stop, some at once. @returns those that never came @throws what broke, of all of them */
export async function explore(stops: readonly Stop[], run: (stop: Stop) => Promise<boolean>): Promise<string[]> {
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
  return missed
}

export type Act = Stop & { act(member: Member): Promise<void> }

export async function startWith(bench: Bench, { act, ...stop }: Act): Promise<Member & { hasActed(): boolean }> {
  let story: Story | undefined
  let member: Member | undefined
  let acted = false
  const plot = {
    ...stop,
    async act() {
      acted = true
      if (member) await act(member)
    },
  }
  member = await bench.start((line) => {
    hideBriefly(line)
    story = tellStory(line, plot)
  })
  story?.begin()
  await bench.upload('origin_a.mp4', await tinyVideo())
  return { ...member, hasActed: () => acted }
}

export function hideBriefly(line: Line): void {
  line.rewrite(({ name }) => (name === 'ReceiveMessage work' ? { VisibilityTimeout: HIDDEN_SECONDS } : {}))
}

/** Whether the call came before the job was over and its last message gone. */
export async function isReached(bench: Bench, first: { hasActed(): boolean }): Promise<boolean> {
  await until('the call comes, or all is over', async () => first.hasActed() || (await bench.isQuiescent()), 70)
  return first.hasActed()
}
