import type { Config } from '../config/schema.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { Readiness } from '../http/health.ts'
import type { Programs } from '../programs/programs.ts'
import type { Queues } from '../queue/queues.ts'
import type { Poller } from '../schedule/poller.ts'
import type { Storage } from '../storage/storage.ts'
import { proveConditionalWrites } from '../storage/selftest.ts'

export type CheckParts = { config: Config; openPrograms: () => Promise<Programs>; storage: Storage; queues: Queues }

export type Check = {
  readonly name: string
  /** What was found; throws a MediadError when it is not as it must be. */
  run(): Promise<string>
}

/** Everything that must be true before a daemon takes its first message, in the order a person would look. */
export function createChecks({ config, openPrograms, storage, queues }: CheckParts): Check[] {
  const queue = (name: 'work' | 'inProgress' | 'dead'): Check => ({
    name: `queue ${name}`,
    async run() {
      const { visible, hidden, delayed, hasRedrive } = await queues[name].depth()
      if (hasRedrive && name !== 'dead') throw hasRedrivePolicy(config.queues[name].url)
      return `${config.queues[name].url}: ${visible} waiting, ${hidden} in flight, ${delayed} delayed`
    },
  })
  return [
    {
      name: 'ffmpeg',
      async run() {
        const { version, dieWithDaemon } = await openPrograms()
        return `${version}${dieWithDaemon ? '' : ' (would outlive a killed daemon: there is no setpriv)'}`
      },
    },
    { name: 'encoders', run: async () => proveParts(config, await openPrograms(), 'encoders') },
    { name: 'filters', run: async () => proveParts(config, await openPrograms(), 'filters') },
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

function hasRedrivePolicy(url: string): MediadError {
  const why = 'waiting counts as receiving: SQS would move healthy jobs away. mediad has a dead queue of its own'
  return new MediadError('config.queue', `${url} has a redrive policy; remove it (${why})`)
}

async function proveParts({ plugins }: Config, programs: Programs, kind: 'encoders' | 'filters'): Promise<string> {
  const available = await programs[kind]()
  const needed = plugins.flatMap(({ name, hooks }) => (hooks[kind] ?? []).map((part) => ({ name, part })))
  const missing = needed.filter(({ part }) => !available.has(part))
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
