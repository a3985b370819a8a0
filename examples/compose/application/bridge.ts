/**
 * Sends the events of MinIO's webhook to the work queue, because MinIO cannot notify an SQS queue.
 *
 *   node bridge.ts
 *
 * Each POST becomes one message with the same body, which mediad parses. The response is 200 only when the queue has the
 * message; after any other response, MinIO keeps the event in its queue directory and sends it again. An event can
 * therefore be sent twice, never lost; mediad ignores the second message.
 *
 * Environment: MEDIAD_WORK_QUEUE_URL, BRIDGE_TOKEN (the token of the webhook), BRIDGE_PORT (default: 8080), and what the
 * AWS SDK reads.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'

const { MEDIAD_WORK_QUEUE_URL: queueUrl, BRIDGE_TOKEN: token, BRIDGE_PORT: port = '8080' } = process.env
if (!queueUrl || !token) throw new Error('set MEDIAD_WORK_QUEUE_URL and BRIDGE_TOKEN')

/** The limit of SQS for one message. */
const MAX_BYTES = 256 * 1024

const sqs = new SQSClient({ maxAttempts: 3, requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000 } })
const server = createServer((request, response) => {
  respond(request).then(
    (status) => response.writeHead(status, { connection: 'close' }).end(),
    (error: unknown) => {
      print({ event: 'bridge.failed', error: String(error) })
      response.writeHead(502, { connection: 'close' }).end()
    },
  )
})

/** Returns the status of the response. */
async function respond(request: IncomingMessage): Promise<number> {
  if (request.method !== 'POST') return request.url === '/health' ? 200 : 405
  if (!isAuthorized(request.headers.authorization)) return 403
  if (!(Number(request.headers['content-length']) <= MAX_BYTES)) return 413
  const body = await buffer(request)
  const { MessageId } = await sqs.send(
    new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body.toString('utf8') }),
  )
  print({ event: 'bridge.sent', message: MessageId })
  return 200
}

/** Compares digests, because their length and the time of their comparison reveal nothing about the token. */
function isAuthorized(header = ''): boolean {
  const [given, expected] = [header, `Bearer ${token}`].map((text) => createHash('sha256').update(text).digest())
  return given !== undefined && expected !== undefined && timingSafeEqual(given, expected)
}

function print(entry: object): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`)
}

server.listen(Number(port), () => print({ event: 'bridge.listening', ...(server.address() as object) }))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => server.close(() => sqs.destroy()))
