import type { Config } from '../config/schema.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { Readiness } from '../http/health.ts'
import type { Programs } from '../programs/programs.ts'
import { describeVersion, findMismatch } from '../programs/versions.ts'
import type { Log } from '../vocabulary/log.ts'
import { findTried, runTrials } from '../pipeline/trial.ts'
import type { Queues } from '../queue/queues.ts'
import type { Poller } from '../schedule/poller.ts'
import type { Storage } from '../storage/storage.ts'
import { proveConditionalWrites } from '../storage/selftest.ts'

export type CheckParts = {
  config: Config
  openPrograms: () => Promise<Programs>
  storage: Storage
  queues: Queues
  log: Log
}

export type Check = {
  readonly name: string
  /**
   * Returns what was found; throws a MediadError when it is not as it must be. `warn` gets what should be corrected although
   * a daemon can start.
   */
  run(warn: (message: string) => void): Promise<string>
}

/** Everything that must be true before a daemon takes its first message, in the order a person would look. */
export function createChecks({ config, openPrograms, storage, queues, log }: CheckParts): Check[] {
  const queue = (name: 'work' | 'inProgress' | 'dead'): Check => ({
    name: `queue ${name}`,
    async run() {
      const { visible, hidden, delayed, hasRedrive } = await queues[name].depth()
      if (hasRedrive && name !== 'dead') throw hasRedrivePolicy(config.queues[name].url)
      return `${config.queues[name].url}: ${visible} waiting, ${hidden} in flight, ${delayed} delayed`
    },
  })
  return [
    ...createFfmpegChecks({ config, openPrograms, log }),
    {
      name: 'bucket',
      async run() {
        await proveConditionalWrites(storage, { bucket: config.bucket, prefix: config.state.prefix })
        return `${config.bucket}: reads, writes, honours conditional writes`
      },
    },
    queue('work'),
    queue('inProgress'),
    queue('dead'),
  ]
}

/** The checks that need neither bucket nor queues. */
export function createFfmpegChecks(parts: Pick<CheckParts, 'config' | 'openPrograms' | 'log'>): Check[] {
  const { config, openPrograms, log } = parts
  let running: Promise<string[]> | undefined
  const runAll = () =>
    (running ??= openPrograms().then((programs) => runTrials({ programs, plugins: config.plugins, log })))
  return [
    {
      name: 'ffmpeg',
      async run(warn) {
        const programs = await openPrograms()
        const { version, dieWithDaemon } = programs
        const mismatch = findMismatch(programs)
        if (mismatch !== null) warn(mismatch)
        return `${describeVersion(version)}${dieWithDaemon ? '' : ' (would outlive a killed daemon: there is no setpriv)'}`
      },
    },
    { name: 'encoders', run: () => proveParts({ ...parts, runAll }, 'encoders') },
    { name: 'filters', run: () => proveParts({ ...parts, runAll }, 'filters') },
    {
      name: 'trial run',
      run: async () => ['ffprobe', ...new Set(await runAll())].join(', '),
    },
  ]
}

/**
 * Runs all checks at once, and reports them in their order. The version of ffmpeg is for everybody to see: what a job makes
 * depends on it.
 *
 * @throws the first failure, in the order of the checks, when all have ended.
 */
export async function proveAll(checks: readonly Check[], log: Log): Promise<void> {
  const warn = (message: string) => log.warn(message)
  const results = await Promise.allSettled(checks.map(async (check) => await check.run(warn)))
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') throw result.reason
    const name = checks[index]?.name
    log[name === 'ffmpeg' ? 'info' : 'debug']({ check: name }, `${name}: ${result.value}`)
  }
}

function hasRedrivePolicy(url: string): MediadError {
  const why = 'waiting counts as receiving: SQS would move healthy jobs away. mediad has a dead queue of its own'
  return new MediadError('config.queue', `${url} has a redrive policy; remove it (${why})`)
}

type Parts = Pick<CheckParts, 'config' | 'openPrograms'> & { runAll(): Promise<unknown> }

/** What a trial has used is there; ffmpeg is asked for a list only where something else is declared, or a trial failed. */
async function proveParts(parts: Parts, kind: 'encoders' | 'filters'): Promise<string> {
  const { config, openPrograms, runAll } = parts
  const programs = await openPrograms()
  const tried = await runAll().then(
    () => findTried(config.plugins)[kind],
    () => new Set<string>(), // the check of the trials reports it
  )
  const needed = config.plugins.flatMap(({ name, hooks }) => (hooks[kind] ?? []).map((part) => ({ name, part })))
  const untried = needed.filter(({ part }) => !tried.has(part))
  const available = untried.length === 0 ? tried : await programs[kind]()
  const missing = untried.filter(({ part }) => !available.has(part))
  if (missing.length === 0) return [...new Set(needed.map(({ part }) => part))].join(', ') || 'none needed'
  const list = missing.map(({ name, part }) => `${part} (for ${name})`).join(', ')
  throw new MediadError(
    'config.ffmpeg',
    `this ffmpeg lacks the ${kind.slice(0, -1)} ${list}: install an ffmpeg that has it, or choose other options in the config`,
  )
}

export type ReadyParts = { storage: Storage; queues: Queues; pollers: readonly Poller[]; statePrefix: string }

const PATIENCE_MS = 3000

/** Asks bucket and queues, briefly; what they say goes to the log, callers learn only which one does not answer. */
export async function askReadiness({ storage, queues, pollers, statePrefix }: ReadyParts): Promise<Readiness> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const asked = {
    bucket: storage.readText(`${statePrefix}ready`, signal), // a HEAD could not tell a missing bucket
    work: queues.work.depth(signal),
    inProgress: queues.inProgress.depth(signal),
    dead: queues.dead.depth(signal),
  }
  const names = Object.keys(asked)
  const results = await Promise.allSettled(Object.values(asked))
  const checks = Object.fromEntries(
    results.map(({ status }, i) => [names[i], status === 'fulfilled' ? 'ok' : 'unreachable']),
  )
  const polling = pollers.every((poller) => poller.problem() === null)
  return {
    ready: polling && results.every(({ status }) => status === 'fulfilled'),
    checks: { ...checks, polling: polling ? 'ok' : 'failing' },
  }
}
