import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { quote } from '../../../daemon/programs/shell.ts'
import { BUCKET } from '../../helpers/cloud.ts'
import { temporaryFolder } from '../../helpers/folder.ts'
import { makeVideo } from '../../helpers/media.ts'
import { until } from '../../helpers/wait.ts'
import { FOLDER, type Command } from '../command.ts'
import { findProgram, recordCommands } from '../commands.ts'
import { readCpu, subtractCpu, toChildrenSeconds, type Cpu } from '../processes.ts'
import { judge, toRange, toRatio, toSeconds, type Result } from '../report.ts'
import { defaultChain, openSite, startDaemon, toConfig, waitForJobs } from '../site.ts'
import { toSpread } from '../statistics.ts'
import type { WorkerOptions } from '../worker.ts'

const SLOTS = 2

export type BatchSize = { clips: number; seconds: number; rounds: number; targets?: { xargs: number; worker?: number } }

type Run = { seconds: number; cpu: Cpu }

/** One of the programs that are compared. It processes a batch, and returns the wall time and CPU time. */
type Contender = { run(round: string): Promise<Run> } & AsyncDisposable

type Batch = { source: string; clips: number; commands: readonly Command[]; folder: string }

/**
 * Processes a batch of clips with mediad, with `xargs -P2` and with a worker on sqs-consumer, in turn, with the same ffmpeg
 * commands. The time of mediad and of the worker is from the first upload to the last result in S3; that of xargs has no S3.
 */
export async function measureBatch({ clips, seconds, rounds, targets }: BatchSize): Promise<Result[]> {
  await using folder = await temporaryFolder()
  const source = join(folder.path, 'clip.mp4')
  await makeVideo(source, { seconds, width: 854, height: 480, codec: 'hevc' })
  const batch: Batch = { source, clips, commands: await recordCommands(source), folder: folder.path }
  await using mediad = await startMediadContender(batch)
  await using worker = await startWorkerContender(batch)
  await using xargs = await startXargsContender(batch)
  const contenders = { mediad, worker, xargs }
  const runs = { mediad: [] as Run[], worker: [] as Run[], xargs: [] as Run[] }
  for (let round = 0; round < rounds; round++)
    for (const name of ['xargs', 'mediad', 'worker'] as const)
      runs[name].push(await contenders[name].run(`round${round}`))
  return toResults({ clips, seconds, rounds, ...(targets && { targets }) }, runs)
}

const walls = (runs: readonly Run[]): number[] => runs.map((run) => run.seconds)

const total = ({ own, children }: Cpu): number => own + children

type Runs = Record<'mediad' | 'worker' | 'xargs', readonly Run[]>

function toResults({ clips, seconds, rounds, targets }: BatchSize, { mediad, worker, xargs }: Runs): Result[] {
  const measure = `${clips} clips of ${seconds} s (HEVC, 854x480), concurrency ${SLOTS}`
  const compare = (against: string, other: readonly Run[], target?: number): Result => {
    const ratio = toSpread(walls(mediad)).median / toSpread(walls(other)).median
    const judged = target === undefined ? { value: toRatio(ratio) } : judge(ratio, { atMost: target }, toRatio)
    const detail = `${toRange(walls(mediad), toSeconds)} against ${toRange(walls(other), toSeconds)}, ${rounds} rounds`
    return { measure, against, ...judged, detail }
  }
  const perJob = (runs: readonly Run[], pick: (cpu: Cpu) => number) =>
    toSpread(runs.map(({ cpu }) => pick(cpu) / clips)).median
  const beyond = perJob(mediad, total) - perJob(xargs, total)
  const cpu: Result = {
    measure: `CPU time of a job of ${seconds} s beyond the ffmpeg commands`,
    against: 'xargs, same arguments',
    ...(targets ? judge(beyond, { atMost: 0.45 }, toSeconds) : { value: toSeconds(beyond) }),
    detail: `${toSeconds(perJob(mediad, (it) => it.own))} in Node and ${toSeconds(perJob(mediad, (it) => it.children))} in its children, against ${toSeconds(perJob(xargs, total))}; the worker: ${toSeconds(perJob(worker, total))}`,
  }
  return [
    compare('`xargs -P2`, same arguments', xargs, targets?.xargs),
    compare('a worker on sqs-consumer, same arguments', worker, targets?.worker),
    cpu,
  ]
}

async function startMediadContender({ source, clips }: Batch): Promise<Contender> {
  const resources = new AsyncDisposableStack()
  const site = resources.use(await openSite())
  const daemon = resources.use(await startDaemon(site, toConfig({ chain: defaultChain, concurrency: SLOTS })))
  const video = await readFile(source)
  return {
    run: (round) =>
      time(daemon.pid, async () => {
        for (let clip = 0; clip < clips; clip++) await site.put(`origin_${round}-${clip}.mp4`, video)
        await waitForJobs([daemon], `${round}-`, clips)
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

async function startWorkerContender({ source, clips, commands, folder }: Batch): Promise<Contender> {
  const resources = new AsyncDisposableStack()
  const site = resources.use(await openSite())
  const work = join(folder, 'worker')
  await mkdir(work)
  const worker = resources.use(await startWorker(site.env, { commands, folder: work, ffmpeg: findProgram('ffmpeg') }))
  const video = await readFile(source)
  return {
    run: (round) =>
      time(worker.pid, async () => {
        for (let clip = 0; clip < clips; clip++) await site.put(`origin_${round}-${clip}.mp4`, video)
        await until('all clips are done', () => worker.lines.filter((it) => it.includes(round)).length >= clips, 3600)
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Starts `test/bench/worker.ts` on a site, with the environment of its S3 and SQS. */
export async function startWorker(
  env: Readonly<Record<string, string>>,
  options: Pick<WorkerOptions, 'commands' | 'folder' | 'ffmpeg'> & Partial<Pick<WorkerOptions, 'slots'>>,
) {
  const more = { queueUrl: env.MEDIAD_WORK_QUEUE_URL ?? '', bucket: BUCKET }
  const args = [
    '--conditions=source',
    join(import.meta.dirname, '../worker.ts'),
    JSON.stringify({ slots: SLOTS, ...options, ...more }),
  ]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  await until('the worker is ready', () => lines.includes('ready'))
  return {
    pid: child.pid ?? 0,
    lines,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

async function startXargsContender({ source, clips, commands, folder }: Batch): Promise<Contender> {
  const work = join(folder, 'xargs')
  const script = join(folder, 'job.sh')
  const ffmpeg = findProgram('ffmpeg')
  const lines = commands.map((command) =>
    [ffmpeg, ...command].map((word) => quote(word).replaceAll(FOLDER, `'"$1"'`)).join(' '),
  )
  await writeFile(script, ['set -e', 'mkdir -p "$1"', `cp ${quote(source)} "$1/source"`, ...lines, ''].join('\n'))
  // the shell reports the time of its own children: those of this process include the other programs
  const command = `xargs -P${SLOTS} -n1 sh "$0" > /dev/null && cat /proc/$$/stat`
  return {
    async run() {
      const folders = Array.from({ length: clips }, (_, clip) => join(work, String(clip)))
      const startedAt = performance.now()
      const child = spawn('sh', ['-c', command, script], { stdio: ['pipe', 'pipe', 'ignore'] })
      child.stdin.end(folders.join('\n'))
      const [stat, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
      if (code !== 0) throw new Error(`xargs ended with ${code}`)
      const run = {
        seconds: (performance.now() - startedAt) / 1000,
        cpu: { own: 0, children: toChildrenSeconds(stat) },
      }
      await rm(work, { recursive: true })
      return run
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function time(pid: number, act: () => Promise<void>): Promise<Run> {
  const before = readCpu(pid)
  const startedAt = performance.now()
  await act()
  return { seconds: (performance.now() - startedAt) / 1000, cpu: subtractCpu(readCpu(pid), before) }
}
