import { toMessage } from '../vocabulary/errors.ts'
import type { Documents } from '../job/documents.ts'
import type { JobDocument, SeenDocument } from '../vocabulary/job.ts'
import type { TraceContext } from '../vocabulary/tracing/trace-context.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { parseNotification, type NotificationScope } from '../protocol/notification.ts'
import type { Queues } from '../queue/queues.ts'
import { parseInProgressMessage, type DeadMessage } from '../protocol/messages.ts'
import { isDocumentError, type Jobs } from './jobs.ts'
import { isIdPrefix, pickId, toId } from './names.ts'
import { visitDead, type DeadEntry } from './visit.ts'

/** An item of the dead-letter queue: a job, or a message that does not belong to a job. */
export type DeadItem = {
  /** Id of the job, or of the message if it does not belong to a job. */
  readonly id: string
  /** Null if no daemon wrote the message. */
  readonly dead: DeadMessage | null
  /** Original body of a message that does not belong to a job. */
  readonly body?: string
  /** Number of messages for this item; `dead` is the one with the latest claim. */
  readonly messages: number
  /** The job's current document; null if there is none or it cannot be read. */
  readonly document: JobDocument | null
}

/** The result of a request for one item. */
export type Outcome = {
  readonly id: string
  readonly key?: string
  readonly done: boolean
  /** The claim that died, of a redriven job. */
  readonly claim?: number
  /** For people: what was done, or why nothing was done. */
  readonly detail: string
}

export type Selection = {
  /** A job's id or a unique prefix of it, a source's key, or the id of a message that is not a job. Default: everything. */
  name?: string | undefined
  signal?: AbortSignal
}

export type Dead = {
  /** Lists each job once, however many messages it has. */
  list(selection: Selection): Promise<DeadItem[]>
  /**
   * Restarts dead jobs: sends the source to the work queue with the claim number that died ({@link WorkSource}), marks the
   * document for clients (`redrivenAt`), then deletes the job's dead-letter messages. A daemon claims the job like any other.
   *
   * INVARIANT: send before mark, and mark before delete. The document stays `dead` until a daemon claims the job over
   * exactly that claim number; other messages with the same number are then duplicates. So an interrupted, repeated or
   * concurrent redrive restarts the job once. The mark is a conditional write that changes nothing for the protocol: when
   * a daemon was faster, it is left out.
   */
  redrive(selection: Selection): Promise<Outcome[]>
  /** Deletes messages only: a dead job stays dead, and can be redriven by its id or key. */
  drop(selection: Selection): Promise<Outcome[]>
}

export type DeadDeps = {
  queues: Pick<Queues, 'work' | 'dead' | 'sendSource'>
  documents: Pick<Documents, 'read' | 'write'>
  jobs: Pick<Jobs, 'listIds'>
  scope: NotificationScope
  log: DaemonLog
}

/** Names can be prefixes of ids: these are completed first, with the ids of all jobs and of the messages on the queue. */
export function createDead(deps: DeadDeps): Dead {
  const byId = createDeadById(deps)
  const complete = async (selection: Selection): Promise<Selection> => {
    const { name, signal } = selection
    if (name === undefined || !isIdPrefix(name)) return selection
    const ids = await deps.jobs.listIds(name, signal)
    await visitDead({
      queue: deps.queues.dead,
      log: deps.log,
      ...(signal && { signal }),
      visit: ({ dead, message }) => (ids.push(dead?.job?.id ?? message.id), false),
    })
    return { ...selection, name: pickId(name, { ids, bucket: deps.scope.bucket }) }
  }
  return {
    list: async (selection) => byId.list(await complete(selection)),
    redrive: async (selection) => byId.redrive(await complete(selection)),
    drop: async (selection) => byId.drop(await complete(selection)),
  }
}

function createDeadById(deps: DeadDeps): Dead {
  const { queues, scope, log } = deps
  const visit = (
    { name, signal }: Selection,
    act: (entry: DeadEntry & { id: string }) => Promise<boolean> | boolean,
  ): Promise<void> =>
    visitDead({
      queue: queues.dead,
      log,
      ...(signal && { signal }),
      visit(entry) {
        const id = entry.dead?.job?.id ?? entry.message.id
        const isSelected = name === undefined || id === name || id === toId(scope.bucket, name)
        return isSelected ? act({ ...entry, id }) : false
      },
    })
  return {
    async list(selection) {
      const items = new Map<string, Omit<DeadItem, 'document'>>()
      await visit(selection, (entry) => {
        items.set(entry.id, toItem(entry, items.get(entry.id)))
        return false
      })
      return await withDocuments(deps, [...items.values()], selection.signal)
    },

    async redrive(selection) {
      const outcomes = new Map<string, Outcome>()
      const once = async (id: string, act: () => Promise<Outcome | null>) => {
        const outcome = outcomes.get(id) ?? (await act())
        if (outcome) outcomes.set(id, outcome)
        return outcome
      }
      const redriveNamed = async (name: string) => {
        const id = toId(scope.bucket, name) // its dead-letter message may have been dropped, or the queue be unreachable
        await once(id, async () => orNull(await redriveJob(deps, id, selection)))
      }
      // the messages first: they have the trace of the job
      await visit(selection, async ({ id, dead, message }) => {
        if (!dead?.job) return (await once(id, () => resend(deps, { id, dead, message })))?.done ?? false
        const outcome = await once(id, () => redriveJob(deps, id, { ...selection, trace: message.trace }))
        // keep the message of a later claim: that failure was not redriven here
        return outcome?.claim !== undefined && dead.job.claim <= outcome.claim
      }).finally(() => (selection.name === undefined ? undefined : redriveNamed(selection.name)))
      return [...outcomes.values()]
    },

    async drop(selection) {
      const dropped = new Map<string, Outcome>()
      await visit(selection, ({ id, dead }) => {
        const key = dead?.job?.source.key
        dropped.set(id, { id, ...(key !== undefined && { key }), done: true, detail: 'dropped' })
        return true
      })
      return [...dropped.values()]
    },
  }
}

const NO_DOCUMENT = 'the job has no document: upload the file again'

const orNull = (outcome: Outcome): Outcome | null => (outcome.detail === NO_DOCUMENT ? null : outcome)

type Redrive = Pick<Selection, 'signal'> & { trace?: TraceContext | undefined }

async function redriveJob({ queues, documents }: DeadDeps, id: string, { signal, trace }: Redrive): Promise<Outcome> {
  const seen = await readOrProblem(documents, id, signal)
  if (typeof seen === 'string') return { id, done: false, detail: seen }
  if (seen === null) return { id, done: false, detail: NO_DOCUMENT }
  const { source, state, claim } = seen.document
  const about = { id, key: source.key }
  if (state !== 'dead') return { ...about, done: false, detail: `the job is not dead: its state is ${state}` }
  await queues.sendSource({ ...source, redrive: claim }, undefined, trace)
  return {
    ...about,
    done: true,
    claim,
    detail: `sent to the work queue; ${await markRedriven(documents, seen, signal)}`,
  }
}

/** Marks the document and describes its state. A job without the mark is redriven all the same. */
async function markRedriven(
  documents: DeadDeps['documents'],
  seen: SeenDocument,
  signal?: AbortSignal,
): Promise<string> {
  const { rev: _, nonce: __, ...draft } = seen.document
  try {
    await documents.write({ ...draft, redrivenAt: new Date().toISOString() }, seen, signal)
    return 'its state is queued until a daemon claims it'
  } catch (error) {
    return `its state stays dead until a daemon claims it, because the document was not marked: ${toMessage(error)}`
  }
}

/**
 * Sends a message that does not belong to a job to the work queue again. For an in-progress message whose document could
 * not be read, it sends the source. A body that was not a valid notification can be one for another version of mediad or
 * another config.
 */
async function resend(
  { queues, scope }: DeadDeps,
  { id, dead, message }: DeadEntry & { id: string },
): Promise<Outcome> {
  const body = dead?.body ?? message.body
  const inProgress = parseInProgressMessage(body)
  if (inProgress) {
    const { source } = inProgress
    await queues.sendSource(source, undefined, message.trace)
    return { id, key: source.key, done: true, detail: 'sent the source to the work queue' }
  }
  const notification = parseNotification(body, scope)
  const problem = notification.kind === 'sources' ? notification.invalidReason : notification.reason
  if (problem !== undefined) return { id, done: false, detail: `not a notification for this config: ${problem}` }
  await queues.work.send(body, undefined, message.trace)
  return { id, done: true, detail: 'sent the message to the work queue' }
}

async function readOrProblem(
  documents: DeadDeps['documents'],
  id: string,
  signal: AbortSignal | undefined,
): Promise<SeenDocument | null | string> {
  try {
    return await documents.read(id, signal)
  } catch (error) {
    if (isDocumentError(error)) return error.message
    throw error
  }
}

function toItem({ id, dead, message }: DeadEntry & { id: string }, known?: Omit<DeadItem, 'document'>) {
  const messages = (known?.messages ?? 0) + 1
  if (known && (known.dead?.job?.claim ?? 0) > (dead?.job?.claim ?? 0)) return { ...known, messages }
  return { id, dead, messages, ...(!dead?.job && { body: dead?.body ?? message.body }) }
}

/** Number of documents read concurrently. */
const WIDTH = 8

async function withDocuments(
  { documents }: DeadDeps,
  items: readonly Omit<DeadItem, 'document'>[],
  signal?: AbortSignal,
): Promise<DeadItem[]> {
  const complete: DeadItem[] = []
  for (let from = 0; from < items.length; from += WIDTH) {
    const reading = items.slice(from, from + WIDTH).map(async (item) => {
      const seen = item.dead?.job ? await readOrProblem(documents, item.id, signal) : null
      return Object.assign(item, { document: typeof seen === 'string' ? null : (seen?.document ?? null) })
    })
    complete.push(...(await Promise.all(reading)))
  }
  return complete
}
