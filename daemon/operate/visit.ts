import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Message, Queue } from '../queue/queue.ts'
import { parseDeadMessage, type DeadMessage } from '../protocol/messages.ts'

/** A message of the dead queue in hand; `dead` is null when no daemon wrote it. */
export type DeadEntry = { readonly message: Message; readonly dead: DeadMessage | null }

export type VisitDeps = {
  queue: Queue
  log: DaemonLog
  signal?: AbortSignal
  /** True: the message is deleted. False: it is given back when all have been visited. */
  visit: (entry: DeadEntry) => Promise<boolean> | boolean
}

/** Whoever reads hides the messages from others for so long; what is interrupted and cannot give back, too. */
export const HIDDEN_SECONDS = 60

/** SQS gives no more in one request. */
const BATCH = 10

/**
 * Visits every message of the dead queue once, and gives back those that stay. An empty answer to a poll that asks all of
 * SQS's servers is its end; so is an answer of known messages alone, whose hiding is over already.
 */
export async function visitDead({ queue, log, signal, visit }: VisitDeps): Promise<void> {
  const held = new Map<string, Message>()
  const deleted = new Set<string>()
  const options = { max: BATCH, waitSeconds: 1, visibilitySeconds: HIDDEN_SECONDS, ...(signal && { signal }) }
  try {
    for (;;) {
      signal?.throwIfAborted()
      const messages = await queue.receive(options)
      const fresh = messages.filter(({ id }) => !held.has(id) && !deleted.has(id))
      for (const message of messages) held.set(message.id, message)
      for (const message of messages) {
        signal?.throwIfAborted()
        const isNew = fresh.includes(message)
        if (isNew && (await visit({ message, dead: parseDeadMessage(message.body) }))) deleted.add(message.id)
        if (!deleted.has(message.id)) continue
        await queue.delete(message) // once more, when it was delivered once more
        held.delete(message.id)
      }
      if (fresh.length === 0) return
    }
  } finally {
    await giveBack(queue, [...held.values()], log)
  }
}

async function giveBack(queue: Queue, messages: readonly Message[], log: DaemonLog): Promise<void> {
  for (let from = 0; from < messages.length; from += BATCH) {
    const some = messages.slice(from, from + BATCH)
    const results = await Promise.allSettled(some.map((message) => queue.hide(message, 0)))
    for (const result of results)
      if (result.status === 'rejected')
        log.debug(
          { event: 'message.return_failed', error: result.reason },
          `message becomes visible again within ${HIDDEN_SECONDS} s: ${toMessage(result.reason)}`,
        )
  }
}
