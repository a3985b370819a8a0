import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Message, Queue } from '../queue/queue.ts'
import { parseDeadMessage, type DeadMessage } from '../protocol/messages.ts'

/** A message received from the dead-letter queue; `dead` is null if no daemon wrote it. */
export type DeadEntry = { readonly message: Message; readonly dead: DeadMessage | null }

export type VisitDeps = {
  queue: Queue
  log: DaemonLog
  signal?: AbortSignal
  /** Returns true to delete the message, false to make it visible again after all have been visited. */
  visit: (entry: DeadEntry) => Promise<boolean> | boolean
}

/** How long a reader hides the messages from others. If it dies, they become visible again after this time. */
export const HIDDEN_SECONDS = 60

/** The maximum of SQS for one request. */
const BATCH = 10

/**
 * Visits every message of the dead-letter queue once, and makes those that are kept visible again. It ends when a long
 * poll, which queries all of SQS's servers, returns no messages, or only messages already visited whose visibility timeout
 * has ended.
 */
export async function visitDead({ queue, log, signal, visit }: VisitDeps): Promise<void> {
  const held = new Map<string, Message>()
  const deleted = new Set<string>()
  const options = { max: BATCH, waitSeconds: 1, visibilitySeconds: HIDDEN_SECONDS, ...(signal && { signal }) }
  try {
    for (;;) {
      signal?.throwIfAborted()
      const messages = await queue.receive(options)
      const unvisited = messages.filter(({ id }) => !held.has(id) && !deleted.has(id))
      for (const message of messages) held.set(message.id, message)
      for (const message of messages) {
        signal?.throwIfAborted()
        const isNew = unvisited.includes(message)
        if (isNew && (await visit({ message, dead: parseDeadMessage(message.body) }))) deleted.add(message.id)
        if (!deleted.has(message.id)) continue
        await queue.delete(message) // again, if it was delivered again
        held.delete(message.id)
      }
      if (unvisited.length === 0) return
    }
  } finally {
    await makeVisible(queue, [...held.values()], log)
  }
}

async function makeVisible(queue: Queue, messages: readonly Message[], log: DaemonLog): Promise<void> {
  for (let from = 0; from < messages.length; from += BATCH) {
    const batch = messages.slice(from, from + BATCH)
    const results = await Promise.allSettled(batch.map((message) => queue.hide(message, 0)))
    for (const result of results)
      if (result.status === 'rejected')
        log.debug(
          { event: 'message.return_failed', error: result.reason },
          `message becomes visible again within ${HIDDEN_SECONDS} s: ${toMessage(result.reason)}`,
        )
  }
}
