import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import type { Cloud } from '../helpers/cloud.ts'

/** A rule of a bucket's notification configuration. */
export type Rule = { readonly events: readonly string[]; readonly prefix: string; readonly queueUrl: string }

export type Router = {
  /** Keys of the events so far that match the rule. */
  readonly passed: readonly string[]
  /** Keys of the events so far that do not match the rule. */
  readonly dropped: readonly string[]
} & AsyncDisposable

type Event = { eventName: string; s3: { object: { key: string } } }

/** Receives the notifications of the embedded S3, which sends all of them, and forwards those that match the rule. */
export function startRouter({ sqs, local }: Cloud, rule: Rule): Router {
  const passed: string[] = []
  const dropped: string[] = []
  const stop = new AbortController()
  const from = local.queueUrls.work

  async function route(): Promise<void> {
    while (!stop.signal.aborted) {
      const command = new ReceiveMessageCommand({ QueueUrl: from, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 })
      const { Messages = [] } = await sqs.send(command)
      for (const { Body = '{}', ReceiptHandle } of Messages) {
        const { Records } = JSON.parse(Body) as { Records: Event[] }
        const wanted = Records.filter((event) => isWanted(event, rule))
        for (const event of Records) (wanted.includes(event) ? passed : dropped).push(toKey(event))
        if (wanted.length > 0)
          await sqs.send(
            new SendMessageCommand({ QueueUrl: rule.queueUrl, MessageBody: JSON.stringify({ Records: wanted }) }),
          )
        await sqs.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle }))
      }
    }
  }

  const routing = route()
  return {
    passed,
    dropped,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await routing
    },
  }
}

function isWanted(event: Event, { events, prefix }: Rule): boolean {
  const name = `s3:${event.eventName}`
  const isNamed = events.some(
    (wanted) => wanted === name || (wanted.endsWith('*') && name.startsWith(wanted.slice(0, -1))),
  )
  return isNamed && toKey(event).startsWith(prefix)
}

function toKey({ s3 }: Event): string {
  return decodeURIComponent(s3.object.key.replaceAll('+', ' '))
}
