import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MediadError } from '../../vocabulary/errors.ts'
import {
  loadFauxqs,
  type Fauxqs,
  type Persistence,
  type QueueStore,
  type ReceiveResponse,
  type ReceiveRequest,
} from './fauxqs.ts'
import { toEndpoint, toListenError } from '../listen.ts'

const ACCOUNT = '000000000000'

export type SqsOptions = {
  readonly directory: string
  readonly host: string
  readonly port: number
  /** Names of the queues to create when they do not exist. */
  readonly queues: readonly string[]
}

export type Sqs = {
  readonly endpoint: string
  queueUrl(name: string): string
  /** Stores a message on a queue, synchronously. */
  send(queue: string, body: string): void
  close(): Promise<void>
}

/**
 * Starts the embedded SQS with fauxqs. Queues and messages, including hidden and delayed ones, survive a restart. Works
 * around these bugs of fauxqs 2.4.1: it listens on every interface; making a message visible again (visibility 0) fails in
 * its own database, which loses the message until the next start; a long poll of a disconnected client receives, and so
 * hides, the next message; one new message ends every long poll; URLs of stored queues keep the port of an earlier run.
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
    await loaded.promise // queue URLs need the port, so the server listens before the queues are loaded
    if (request.method !== 'POST' || request.url !== '/')
      return reply.code(404).send('only POST / is served here: this is an SQS endpoint')
    store.processAllTimers() // also keeps message counts up to date
    return undefined
  })
  app.addHook('preHandler', async (request, reply) => {
    if (request.headers['x-amz-target'] !== 'AmazonSQS.ReceiveMessage') return undefined
    const isStopped = () => closing || isDisconnected(request.raw)
    const response = await poll({ fauxqs, store, request: request.body as ReceiveRequest, isStopped })
    return response && reply.header('content-type', 'application/x-amz-json-1.0').send(response)
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
    throw toListenError('config.queue', { host, port, server: 'the embedded SQS', option: '--sqs-port' }, cause)
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
      if (target === undefined) throw new Error(`queue ${queue} does not exist`)
      target.enqueue(fauxqs.createMessage(body))
    },
    close,
  }
}

function openPersistence(fauxqs: Fauxqs, directory: string): Persistence {
  try {
    const persistence = fauxqs.openPersistence(directory)
    patchPersistence(persistence)
    return persistence
  } catch (cause) {
    const message = `cannot open the queues in ${directory}. Check that this user has write access, or choose another data directory`
    throw new MediadError('config.queue', message, { cause })
  }
}

/** Replaces fauxqs's update, which sets the receive count to NULL and so violates a constraint of its own table. */
function patchPersistence(persistence: Persistence): void {
  persistence.db.exec('PRAGMA synchronous = NORMAL') // survives the end of the process, but not a power failure
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
  // Load before the store gets its persistence: creating a stored queue would replace it and delete its messages.
  persistence.loadSqsQueues({
    // oxlint-disable-next-line max-params -- fauxqs's signature
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

type Poll = { fauxqs: Fauxqs; store: QueueStore; request: ReceiveRequest; isStopped: () => boolean }

/**
 * Serves a long poll: receives and waits in turn until there is a message, the time has passed, or the client has
 * disconnected. Returns undefined for a short poll or an invalid request, which fauxqs's own handler serves.
 */
async function poll({ fauxqs, store, request, isStopped }: Poll): Promise<ReceiveResponse | undefined> {
  const { QueueUrl, WaitTimeSeconds: waitSeconds = 0 } = request
  const queue = QueueUrl === undefined ? undefined : store.getQueue(QueueUrl)
  if (queue === undefined || !(waitSeconds > 0 && waitSeconds <= 20)) return undefined
  const end = performance.now() + waitSeconds * 1000
  for (;;) {
    // No client would receive the message, but it would be hidden.
    if (isStopped()) return {}
    const response = await receive(fauxqs, store, request)
    const leftSeconds = (end - performance.now()) / 1000
    if (response === undefined || response.Messages !== undefined || leftSeconds <= 0) return response
    await queue.waitForMessages(leftSeconds)
  }
}

async function receive(
  fauxqs: Fauxqs,
  store: QueueStore,
  request: ReceiveRequest,
): Promise<ReceiveResponse | undefined> {
  try {
    return await fauxqs.receive({ ...request, WaitTimeSeconds: 0 }, store)
  } catch {
    return undefined // fauxqs's own handler fails with the same error, and reports it
  }
}

function isDisconnected({ socket }: IncomingMessage): boolean {
  return socket.destroyed
}
