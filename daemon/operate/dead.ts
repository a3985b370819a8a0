import type { Documents } from '../job/documents.ts'
import type { JobDocument, SeenDocument } from '../vocabulary/job.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { parseNotification, type NotificationScope } from '../protocol/notification.ts'
import type { Queues } from '../queue/queues.ts'
import { parseInProgressMessage, type DeadMessage } from '../protocol/messages.ts'
import { isForeign, toId } from './jobs.ts'
import { visitDead, type DeadEntry } from './visit.ts'

/** One job, or one message that never was a job, as the dead queue tells of it. */
export type Buried = {
  /** The job's; of a message that never was a job, the message's own. */
  readonly id: string
  /** Null when no daemon wrote the message. */
  readonly dead: DeadMessage | null
  /** Of a message that never was a job: its text as it came. */
  readonly body?: string
  /** How many messages tell of it; the one shown is that of the latest claim. */
  readonly messages: number
  /** What the document says by now; null when there is none, or none that can be read. */
  readonly document: JobDocument | null
}

/** What became of one job, or of one message that never was a job. */
export type Outcome = {
  readonly id: string
  readonly key?: string
  readonly done: boolean
  /** Of a redriven job: the claim that died. */
  readonly claim?: number
  /** For people: what was done, or why nothing was. */
  readonly detail: string
}

export type Wanted = {
  /** A job's id, a source's key, or the id of a message that never was a job; everything when there is none. */
  name?: string | undefined
  signal?: AbortSignal
}

export type Dead = {
  /** Each job once, whatever the number of its messages. */
  list(wanted: Wanted): Promise<Buried[]>
  /**
   * Gives dead jobs a new beginning: the source goes to work with the word that the claim which died begins anew
   * ({@link WorkSource}), then its dead messages are deleted. A daemon does the rest, with a claim as any other.
   *
   * INVARIANT: send before delete, and no document is written here. The document says `dead` until a daemon claims the job
   * over exactly that death; all other messages that say the same are duplicates then. So whatever is interrupted, or done
   * twice, or by two at once, the job begins anew once.
   */
  redrive(wanted: Wanted): Promise<Outcome[]>
  /** Deletes messages and nothing else: a dead job stays dead, and can be redriven by its name. */
  drop(wanted: Wanted): Promise<Outcome[]>
}

export type DeadDeps = {
  queues: Pick<Queues, 'work' | 'dead' | 'sendSource'>
  documents: Pick<Documents, 'read'>
  scope: NotificationScope
  log: DaemonLog
}

export function createDead(deps: DeadDeps): Dead {
  const { queues, scope, log } = deps
  const visit = (
    { name, signal }: Wanted,
    act: (entry: DeadEntry & { id: string }) => Promise<boolean> | boolean,
  ): Promise<void> =>
    visitDead({
      queue: queues.dead,
      log,
      ...(signal && { signal }),
      visit(entry) {
        const id = entry.dead?.job?.id ?? entry.message.id
        const isWanted = name === undefined || id === name || id === toId(scope.bucket, name)
        return isWanted ? act({ ...entry, id }) : false
      },
    })
  return {
    async list(wanted) {
      const found = new Map<string, Omit<Buried, 'document'>>()
      await visit(wanted, (entry) => {
        found.set(entry.id, toBuried(entry, found.get(entry.id)))
        return false
      })
      return await withDocuments(deps, [...found.values()], wanted.signal)
    },

    async redrive(wanted) {
      const outcomes = new Map<string, Outcome>()
      const once = async (id: string, act: () => Promise<Outcome | null>) => {
        const outcome = outcomes.get(id) ?? (await act())
        if (outcome) outcomes.set(id, outcome)
        return outcome
      }
      if (wanted.name !== undefined) {
        const id = toId(scope.bucket, wanted.name) // its dead message may have been dropped
        await once(id, async () => orNull(await redriveJob(deps, id, wanted.signal)))
      }
      await visit(wanted, async ({ id, dead, message }) => {
        if (!dead?.job) return (await once(id, () => putBack(deps, id, dead?.body ?? message.body)))?.done ?? false
        const outcome = await once(id, () => redriveJob(deps, id, wanted.signal))
        // a message of a later claim tells of another death than the one that is forgotten here
        return outcome?.claim !== undefined && dead.job.claim <= outcome.claim
      })
      return [...outcomes.values()]
    },

    async drop(wanted) {
      const dropped = new Map<string, Outcome>()
      await visit(wanted, ({ id, dead }) => {
        const key = dead?.job?.source.key
        dropped.set(id, { id, ...(key !== undefined && { key }), done: true, detail: 'dropped' })
        return true
      })
      return [...dropped.values()]
    },
  }
}

const NO_DOCUMENT = 'there is no document of it: upload the file again'

const orNull = (outcome: Outcome): Outcome | null => (outcome.detail === NO_DOCUMENT ? null : outcome)

async function redriveJob({ queues, documents }: DeadDeps, id: string, signal?: AbortSignal): Promise<Outcome> {
  const seen = await readOrProblem(documents, id, signal)
  if (typeof seen === 'string') return { id, done: false, detail: seen }
  if (seen === null) return { id, done: false, detail: NO_DOCUMENT }
  const { source, state, claim } = seen.document
  const about = { id, key: source.key }
  if (state !== 'dead') return { ...about, done: false, detail: `it is not dead: its document says ${state}` }
  await queues.sendSource({ ...source, redrive: claim })
  return { ...about, done: true, claim, detail: 'sent to work; its document says dead until a daemon takes it' }
}

/**
 * An in-progress message whose document could not be read sends its source to work again. A body that was not a
 * notification may be one by now: for another version of mediad, or with another config.
 */
async function putBack({ queues, scope }: DeadDeps, id: string, body: string): Promise<Outcome> {
  const inProgress = parseInProgressMessage(body)
  if (inProgress) {
    const { source } = inProgress
    await queues.sendSource(source)
    return { id, key: source.key, done: true, detail: 'the source is sent to work' }
  }
  const notification = parseNotification(body, scope)
  const problem = notification.kind === 'sources' ? notification.broken : notification.reason
  if (problem !== undefined) return { id, done: false, detail: `it is no notification for this config: ${problem}` }
  await queues.work.send(body)
  return { id, done: true, detail: 'the message is back on the work queue' }
}

async function readOrProblem(
  documents: DeadDeps['documents'],
  id: string,
  signal: AbortSignal | undefined,
): Promise<SeenDocument | null | string> {
  try {
    return await documents.read(id, signal)
  } catch (error) {
    if (isForeign(error)) return error.message
    throw error
  }
}

function toBuried({ id, dead, message }: DeadEntry & { id: string }, known?: Omit<Buried, 'document'>) {
  const messages = (known?.messages ?? 0) + 1
  if (known && (known.dead?.job?.claim ?? 0) > (dead?.job?.claim ?? 0)) return { ...known, messages }
  return { id, dead, messages, ...(!dead?.job && { body: dead?.body ?? message.body }) }
}

/** Documents that are read at once. */
const WIDTH = 8

async function withDocuments(
  { documents }: DeadDeps,
  found: readonly Omit<Buried, 'document'>[],
  signal?: AbortSignal,
): Promise<Buried[]> {
  const buried: Buried[] = []
  for (let from = 0; from < found.length; from += WIDTH) {
    const reading = found.slice(from, from + WIDTH).map(async (one) => {
      const seen = one.dead?.job ? await readOrProblem(documents, one.id, signal) : null
      return Object.assign(one, { document: typeof seen === 'string' ? null : (seen?.document ?? null) })
    })
    buried.push(...(await Promise.all(reading)))
  }
  return buried
}
