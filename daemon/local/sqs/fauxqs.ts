import type { DatabaseSync } from 'node:sqlite'
import { buildApp } from 'fauxqs'

export type Message = { readonly messageId: string; readonly body: string }

export type Queue = {
  readonly url: string
  persistence?: Persistence
  enqueue(message: Message): void
  /** Resolves when a message may have arrived, after the given time, or when the store shuts down. */
  waitForMessages(seconds: number): Promise<void>
}

export type QueueStore = {
  /** When empty, queue URLs contain the host and port of the client's request. */
  host: string
  persistence?: Persistence
  createQueue(name: string, url: string, arn: string, attributes?: object, tags?: object): Queue
  allQueues(): Iterable<Queue>
  getQueue(url: string): Queue | undefined
  getQueueByName(name: string): Queue | undefined
  /** Makes messages visible whose delay or visibility timeout has expired. */
  processAllTimers(): void
}

/** Stores queues and messages in SQLite, synchronously. */
export type Persistence = {
  readonly db: DatabaseSync
  loadSqsQueues(store: Pick<QueueStore, 'createQueue'>): void
  updateMessageReady(messageId: string): void
  close(): void
}

export type ReceiveRequest = { readonly QueueUrl?: string; readonly WaitTimeSeconds?: number }
export type ReceiveResponse = { readonly Messages?: readonly unknown[] }

export type Fauxqs = {
  readonly createStore: () => QueueStore
  readonly openPersistence: (directory: string) => Persistence
  readonly createMessage: (body: string) => Message
  /** Resolves immediately when `WaitTimeSeconds` is 0; throws for an invalid request. */
  readonly receive: (request: ReceiveRequest, store: QueueStore) => Promise<ReceiveResponse>
  readonly createApp: (store: QueueStore) => ReturnType<typeof buildApp>
}

/**
 * Loads the modules of fauxqs by path, next to its entry: its only export that serves a folder listens on every interface
 * and loses messages (see server.ts). Only this file loads them, and declares the types of what is used.
 */
export async function loadFauxqs(): Promise<Fauxqs> {
  const entry = import.meta.resolve('fauxqs')
  const load = (path: string): Promise<unknown> => import(new URL(path, entry).href)
  const { SqsStore } = (await load('sqs/sqsStore.js')) as {
    SqsStore: (new () => QueueStore) & { createMessage(body: string): Message }
  }
  const { PersistenceManager } = (await load('persistence.js')) as {
    PersistenceManager: new (directory: string) => Persistence
  }
  const { receiveMessage } = (await load('sqs/actions/receiveMessage.js')) as { receiveMessage: Fauxqs['receive'] }
  const { SnsStore } = (await load('sns/snsStore.js')) as { SnsStore: new () => object }
  const { S3Store } = (await load('s3/s3Store.js')) as { S3Store: new () => object }
  type Stores = NonNullable<NonNullable<Parameters<typeof buildApp>[0]>['stores']>
  return {
    createStore: () => new SqsStore(),
    openPersistence: (directory) => new PersistenceManager(directory),
    createMessage: (body) => SqsStore.createMessage(body),
    receive: receiveMessage,
    createApp: (sqsStore) => {
      const stores = { sqsStore, snsStore: new SnsStore(), s3Store: new S3Store() } as unknown as Stores
      return buildApp({ logger: false, stores })
    },
  }
}
