import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MediadError } from '../../vocabulary/errors.ts'
import {
  loadFauxqs,
  type Fauxqs,
  type Persistence,
  type QueueStore,
  type ReceiveAnswer,
  type ReceiveRequest,
} from './fauxqs.ts'
import { toEndpoint, toListenError } from '../listen.ts'

const ACCOUNT = '000000000000'

export type SqsOptions = {
  readonly directory: string
  readonly host: string
  readonly port: number
  /** Names of the queues there shall be. */
  readonly queues: readonly string[]
}

export type Sqs = {
  readonly endpoint: string
  queueUrl(name: string): string
  /** Puts a body on a queue at once, durably. */
  send(queue: string, body: string): void
  close(): Promise<void>
}

/**
 * Serves SQS with fauxqs; queues and messages, hidden and delayed ones too, survive a restart. Mended here of fauxqs 2.4.1:
 * it listens on every interface; making a message visible again (visibility 0) fails on its own database and loses the
 * message until the next start; a long poll whose client is gone takes, and hides, the next message; one arriving message
 * ends every long poll; URLs of stored queues keep the port of the run that made them.
 * @throws MediadError `config.queue` when the port is in use or the folder cannot be used.
 */
export async function startSqs({ directory, host, port, queues }: SqsOptions): Promise<Sqs> {
  const fauxqs = await loadFauxqs()
  const persistence = openPersistence(fauxqs, directory)
  const store = fauxqs.createStore()
  store.host = ''
  const app = fauxqs.createApp(store)
  const loaded = Promise.withResolvers<void>()
  let closing = false

  app.addHook('onRequest', async (request, reply) => {
    await loaded.promise // the URLs of the queues need the port, so the port comes first
    if (request.method !== 'POST' || request.url !== '/') return reply.code(404).send('this is SQS alone')
    store.processAllTimers() // so that counts are right, too
    return undefined
  })
  app.addHook('preHandler', async (request, reply) => {
    if (request.headers['x-amz-target'] !== 'AmazonSQS.ReceiveMessage') return undefined
    const isOver = () => closing || isGone(request.raw)
    const answer = await poll({ fauxqs, store, request: request.body as ReceiveRequest, isOver })
    return answer && reply.header('content-type', 'application/x-amz-json-1.0').send(answer)
  })

  async function close(): Promise<void> {
    closing = true
    loaded.resolve()
    await app.close()
    persistence.close()
  }

  try {
    await app.listen({ host, port })
  } catch (cause) {
    await close()
    throw toListenError('config.queue', { host, port, what: 'the local SQS', option: '--sqs-port' }, cause)
  }
  const endpoint = toEndpoint(host, (app.server.address() as AddressInfo).port)
  const queueUrl = (name: string) => `${endpoint}/${ACCOUNT}/${name}`
  loadQueues({ store, persistence, queueUrl, queues })
  loaded.resolve()
  return {
    endpoint,
    queueUrl,
    send(queue, body) {
      const target = store.getQueueByName(queue)
      if (target === undefined) throw new Error(`there is no queue ${queue}`)
      target.enqueue(fauxqs.createMessage(body))
    },
    close,
  }
}

function openPersistence(fauxqs: Fauxqs, directory: string): Persistence {
  try {
    const persistence = fauxqs.openPersistence(directory)
    mend(persistence)
    return persistence
  } catch (cause) {
    const message = `cannot open the queues in ${directory}: check that this user may write there, or choose another data directory`
    throw new MediadError('config.queue', message, { cause })
  }
}

/** fauxqs sets the count of receives to NULL, which its own table refuses. */
function mend(persistence: Persistence): void {
  persistence.db.exec('PRAGMA synchronous = NORMAL') // survives the end of the process, if not a power cut
  const update = persistence.db.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  )
  persistence.updateMessageReady = (messageId) => void update.run(messageId)
}

type Loading = {
  store: QueueStore
  persistence: Persistence
  queueUrl: (name: string) => string
  queues: readonly string[]
}

function loadQueues({ store, persistence, queueUrl, queues }: Loading): void {
  // before the store writes through: creating a queue that has rows would replace it, and delete its messages
  persistence.loadSqsQueues({
    // oxlint-disable-next-line max-params -- the signature is fauxqs's
    createQueue: (name, _oldUrl, arn, attributes, tags) =>
      store.createQueue(name, queueUrl(name), arn, attributes, tags),
  })
  store.persistence = persistence
  for (const queue of store.allQueues()) queue.persistence = persistence
  for (const name of queues) {
    if (store.getQueueByName(name) !== undefined) continue
    store.createQueue(name, queueUrl(name), `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`)
  }
}

type Poll = { fauxqs: Fauxqs; store: QueueStore; request: ReceiveRequest; isOver: () => boolean }

/**
 * One long poll: looks, waits, looks again, until there is something, or the time or the client is gone.
 * Undefined for a request that is not for us: fauxqs's own handler then says what is wrong with it.
 */
async function poll({ fauxqs, store, request, isOver }: Poll): Promise<ReceiveAnswer | undefined> {
  const { QueueUrl, WaitTimeSeconds: waitSeconds = 0 } = request
  const queue = QueueUrl === undefined ? undefined : store.getQueue(QueueUrl)
  if (queue === undefined || !(waitSeconds > 0 && waitSeconds <= 20)) return undefined
  const end = performance.now() + waitSeconds * 1000
  for (;;) {
    // nobody would get what is taken now
    if (isOver()) return {}
    const answer = await take(fauxqs, store, request)
    const leftSeconds = (end - performance.now()) / 1000
    if (answer === undefined || answer.Messages !== undefined || leftSeconds <= 0) return answer
    await queue.waitForMessages(leftSeconds)
  }
}

async function take(fauxqs: Fauxqs, store: QueueStore, request: ReceiveRequest): Promise<ReceiveAnswer | undefined> {
  try {
    return await fauxqs.receive({ ...request, WaitTimeSeconds: 0 }, store)
  } catch {
    return undefined // fauxqs's own handler meets the same error, and words the answer
  }
}

function isGone({ socket }: IncomingMessage): boolean {
  return socket.destroyed
}
