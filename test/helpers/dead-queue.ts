import { createDocuments } from '../../daemon/job/documents.ts'
import { createDead } from '../../daemon/operate/dead.ts'
import type { DeadMessage } from '../../daemon/protocol/messages.ts'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import type { Message } from '../../daemon/queue/queue.ts'
import { toJobId, type JobDocument } from '../../daemon/vocabulary/job.ts'
import { createTestLog } from './context.ts'
import { createFakeQueues, createFakeStorage, document, route, source } from './fakes.ts'

export const scope = { bucket: 'media', routes: [route] as const }
export const id = toJobId(source.bucket, source.key)
export const error = { code: 'internal.plugin', message: 'it broke', verdict: 'retry' } as const
export const toKey = (job: string) => `.mediad/jobs/${job}.json`

/** Creates a dead-letter queue in memory. It returns batches of two, and hides received messages until they are returned. */
export function prepareDead(bodies: readonly (string | DeadMessage)[] = [], is?: Partial<JobDocument>) {
  const storage = createFakeStorage()
  const queues = createFakeQueues(storage.calls)
  const log = createTestLog([])
  const hidden = new Set<string>()
  const messages = new Map<string, Message>()
  const add = (body: string | DeadMessage) => {
    const text = typeof body === 'string' ? body : JSON.stringify({ version: 1, ...body })
    const messageId = `m${messages.size + 1}`
    messages.set(messageId, {
      id: messageId,
      body: text,
      receipt: messageId,
      receiveCount: 1,
      trace: toTrace(messages.size + 1),
    })
  }
  for (const body of bodies) add(body)
  const { hide, delete: remove } = queues.dead
  Object.assign(queues.dead, {
    async receive() {
      const batch = [...messages.values()].filter((message) => !hidden.has(message.id)).slice(0, 2)
      for (const message of batch) hidden.add(message.id)
      return batch
    },
    async hide(message: Message, seconds: number) {
      await hide(message, seconds)
      if (seconds === 0) hidden.delete(message.id)
    },
    async delete(message: Message) {
      await remove(message)
      messages.delete(message.id)
    },
  })
  if (is) storage.put(toKey(id), JSON.stringify(document({ id, ...is })))
  const documents = createDocuments({ storage, prefix: '.mediad/' })
  const listIds = async (prefix: string) => (is && id.startsWith(prefix) ? [id] : [])
  const dead = createDead({ queues, documents, jobs: { listIds }, scope, log })
  const calls = () => storage.calls.filter((call) => !call.startsWith('read '))
  const sent = () => queues.work.sent.map(({ body }) => parseNotification(body, scope))
  return { storage, queues, documents, dead, log, messages, hidden, calls, sent, add }
}

/** The place in a trace of the message with this number. */
export const toTrace = (n: number) => ({ traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333${n}-01` })

export const deadJob = (claim: number): DeadMessage => ({
  reason: error.code,
  error,
  at: '2026-01-01T00:00:00.000Z',
  job: { id, source, claim, attempt: 3, history: [] },
})
export const noJob: DeadMessage = { reason: 'message.invalid', error, at: 'x', body: 'not JSON' }
export const isDead = { state: 'dead', owner: null, claim: 3, attempt: 3, error } as const
export const redriven = { kind: 'sources', sources: [{ source: { ...source, redrive: 3 }, route }] }
