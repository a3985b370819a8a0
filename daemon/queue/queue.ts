import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  SQSServiceException,
  type Message as SqsMessage,
  type MessageAttributeValue,
} from '@aws-sdk/client-sqs'
import { MediadError, toMessage as toErrorMessage } from '../vocabulary/errors.ts'
import { toTraceContext, type TraceContext } from '../vocabulary/tracing/trace-context.ts'

/** A received message. Its `receipt` is valid until the message is received again. */
export type Message = {
  readonly id: string
  readonly body: string
  readonly receipt: string
  /** Number of times that the message was received, including this one. */
  readonly receiveCount: number
  /** The place in a trace at which it was sent. */
  readonly trace?: TraceContext
}

export type ReceiveOptions = {
  /** Largest number of messages, from 1 to 10. */
  max: number
  /** Duration of the long poll, from 0 to 20. */
  waitSeconds: number
  /** Time for which the received messages are hidden from other receivers. */
  visibilitySeconds: number
  signal?: AbortSignal
}

/** Approximate numbers of messages on a queue. */
export type Depth = {
  /** Messages that can be received now. */
  readonly visible: number
  /** Messages that were received and are hidden until their visibility timeout ends. */
  readonly hidden: number
  /** Messages that were sent with a delay that has not ended. */
  readonly delayed: number
  /** Whether the queue has a redrive policy: SQS moves messages away that were received too often. */
  readonly hasRedrive: boolean
}

/** An SQS queue. All methods can throw `transient.queue`, `config.queue` (it does not exist) and `access.denied`. */
export type Queue = {
  /** Receives messages with a long poll. */
  receive(options: ReceiveOptions): Promise<Message[]>
  /** Sends a message. `delaySeconds` is from 0 (default) to 900, rounded up. `trace` replaces the current place in a trace. */
  send(body: string, delaySeconds?: number, trace?: TraceContext): Promise<void>
  /** Deletes a received message. */
  delete(message: Message): Promise<void>
  /** Hides a received message for up to 12 hours. With 0 it becomes visible at once. */
  hide(message: Message, seconds: number): Promise<void>
  /** Returns the approximate numbers of messages. Success means that the queue is reachable. */
  depth(signal?: AbortSignal): Promise<Depth>
}

const MAX_DELAY_SECONDS = 900
const MAX_VISIBILITY_SECONDS = 43_200
/** Longer than the longest long poll: a connection without data for this long is dead. */
const IDLE_MS = 30_000

/** Creates the SQS client. The SDK reads region, credentials and endpoint from the environment. */
export function createSqsClient(): SQSClient {
  return new SQSClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 5_000, socketTimeout: IDLE_MS } })
}

export type QueueDeps = {
  client: SQSClient
  url: string
  /** Returns the current place in a trace, which messages carry. */
  currentTrace?: () => TraceContext | undefined
}

/** Creates the access to one queue. */
export function createQueue({ client, url, currentTrace = () => undefined }: QueueDeps): Queue {
  const attempt = async <T>(action: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      throw toQueueError(`${action} ${url}`, error)
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
          MessageAttributeNames: ['traceparent', 'tracestate'],
        })
        const { Messages = [] } = await client.send(command, signal ? { abortSignal: signal } : {})
        return Messages.map(toMessage)
      }),

    send: (body, delaySeconds = 0, trace = currentTrace()) =>
      attempt('send to', async () => {
        const DelaySeconds = clamp(delaySeconds, MAX_DELAY_SECONDS)
        const MessageAttributes = trace && toAttributes(trace)
        await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body, DelaySeconds, MessageAttributes }))
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
      attempt('read the attributes of', async () => {
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

function toAttributes(trace: TraceContext): Record<string, MessageAttributeValue> {
  const attributes = Object.entries(trace).map(([name, value]) => [name, { DataType: 'String', StringValue: value }])
  return Object.fromEntries(attributes)
}

function toMessage({ MessageId, Body, ReceiptHandle, Attributes, MessageAttributes = {} }: SqsMessage): Message {
  const trace = toTraceContext(MessageAttributes.traceparent?.StringValue, MessageAttributes.tracestate?.StringValue)
  return {
    id: MessageId ?? '',
    body: Body ?? '',
    receipt: ReceiptHandle ?? '',
    receiveCount: Number(Attributes?.ApproximateReceiveCount ?? 1),
    ...(trace && { trace }),
  }
}

function toQueueError(action: string, thrown: unknown): MediadError {
  const name = thrown instanceof SQSServiceException ? thrown.name : undefined
  if (name === 'QueueDoesNotExist' || name === 'AWS.SimpleQueueService.NonExistentQueue') {
    return new MediadError(
      'config.queue',
      `could not ${action}: the queue does not exist. Create it, or correct "queues" in the config`,
      { cause: thrown },
    )
  }
  if (thrown instanceof SQSServiceException && thrown.$metadata.httpStatusCode === 403 && name !== 'OverLimit') {
    return new MediadError(
      'access.denied',
      `could not ${action}: access denied (${name}). Check the credentials and their permissions`,
      { cause: thrown },
    )
  }
  const detail = `${name ? `${name}: ` : ''}${toErrorMessage(thrown)}`
  return new MediadError('transient.queue', `could not ${action} (${detail})`, { cause: thrown })
}

const clamp = (seconds: number, max: number): number => Math.min(max, Math.max(0, Math.ceil(seconds)))
