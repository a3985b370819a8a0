import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  SQSServiceException,
  type Message as SqsMessage,
} from '@aws-sdk/client-sqs'
import { MediadError, toMessage } from '../vocabulary/errors.ts'

/** A received message; `receipt` is good until the message is received again. */
export type Message = {
  readonly id: string
  readonly body: string
  readonly receipt: string
  /** How often it was received, this time included. Postponing counts as receiving. */
  readonly receiveCount: number
}

export type ReceiveOptions = {
  /** 1 to 10. */
  max: number
  /** Long poll, 0 to 20. */
  waitSeconds: number
  /** How long what is received stays hidden from everybody else. */
  visibilitySeconds: number
  signal?: AbortSignal
}

export type Depth = {
  readonly visible: number
  readonly hidden: number
  readonly delayed: number
  /** Whether SQS moves messages away that were received too often. */
  readonly hasRedrive: boolean
}

/** SQS in a few verbs. Every call may throw `transient.queue`; a queue that is not there is `config.queue`. */
export type Queue = {
  receive(options: ReceiveOptions): Promise<Message[]>
  /** `delaySeconds`: 0 (default) to 900, rounded up. */
  send(body: string, delaySeconds?: number): Promise<void>
  delete(message: Message): Promise<void>
  /** Hides a received message for so long (up to 12 hours); 0 gives it back at once. */
  hide(message: Message, seconds: number): Promise<void>
  /** How many messages there are, roughly. Proves that the queue can be reached. */
  depth(signal?: AbortSignal): Promise<Depth>
}

const MAX_DELAY_SECONDS = 900
const MAX_VISIBILITY_SECONDS = 43_200
/** Above the longest long poll: a connection this quiet is dead. */
const IDLE_MS = 30_000

/** Region, credentials and endpoint are the SDK's own environment. */
export function createSqsClient(): SQSClient {
  return new SQSClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 5_000, socketTimeout: IDLE_MS } })
}

export function createQueue({ client, url }: { client: SQSClient; url: string }): Queue {
  const attempt = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      throw toQueueError(`${what} ${url}`, error)
    }
  }
  return {
    receive: ({ max, waitSeconds, visibilitySeconds, signal }) =>
      attempt('receive from', async () => {
        const command = new ReceiveMessageCommand({
          QueueUrl: url,
          MaxNumberOfMessages: max,
          WaitTimeSeconds: waitSeconds,
          VisibilityTimeout: visibilitySeconds,
          MessageSystemAttributeNames: ['ApproximateReceiveCount'],
        })
        const { Messages = [] } = await client.send(command, signal ? { abortSignal: signal } : {})
        return Messages.map(toMessageOf)
      }),

    send: (body, delaySeconds = 0) =>
      attempt('send to', async () => {
        const DelaySeconds = clamp(delaySeconds, MAX_DELAY_SECONDS)
        await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body, DelaySeconds }))
      }),

    delete: ({ receipt }) =>
      attempt('delete from', async () => {
        await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: receipt }))
      }),

    hide: ({ receipt }, seconds) =>
      attempt('hide a message of', async () => {
        const VisibilityTimeout = clamp(seconds, MAX_VISIBILITY_SECONDS)
        await client.send(
          new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: receipt, VisibilityTimeout }),
        )
      }),

    depth: (signal) =>
      attempt('look at', async () => {
        const AttributeNames = [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
          'RedrivePolicy',
        ] as const
        const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...AttributeNames] })
        const { Attributes = {} } = await client.send(command, signal ? { abortSignal: signal } : {})
        return {
          visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
          hidden: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
          delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
          hasRedrive: (Attributes.RedrivePolicy ?? '') !== '',
        }
      }),
  }
}

function toMessageOf({ MessageId, Body, ReceiptHandle, Attributes }: SqsMessage): Message {
  return {
    id: MessageId ?? '',
    body: Body ?? '',
    receipt: ReceiptHandle ?? '',
    receiveCount: Number(Attributes?.ApproximateReceiveCount ?? 1),
  }
}

function toQueueError(what: string, thrown: unknown): MediadError {
  const name = thrown instanceof SQSServiceException ? thrown.name : undefined
  if (name === 'QueueDoesNotExist' || name === 'AWS.SimpleQueueService.NonExistentQueue') {
    return new MediadError(
      'config.queue',
      `could not ${what}: the queue does not exist. Create it, or correct "queues" in the config`,
      { cause: thrown },
    )
  }
  if (thrown instanceof SQSServiceException && thrown.$metadata.httpStatusCode === 403 && name !== 'OverLimit') {
    return new MediadError(
      'access.denied',
      `could not ${what}: access denied (${name}). Check the credentials and what they may do`,
      { cause: thrown },
    )
  }
  return new MediadError('transient.queue', `could not ${what} (${name ? `${name}: ` : ''}${toMessage(thrown)})`, {
    cause: thrown,
  })
}

const clamp = (seconds: number, max: number): number => Math.min(max, Math.max(0, Math.ceil(seconds)))
