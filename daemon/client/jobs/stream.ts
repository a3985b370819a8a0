import type { Endpoint } from '../endpoint.ts'
import { linkController, withinTime } from '../abort.ts'
import { ClientError } from '../errors.ts'
import { createEventParser, type StreamEvent, type StreamPosition } from './events.ts'

/** Time without a byte after which a connection is given up: it may be dead without an error. mediad sends a comment every 15 s. */
const STALL_SECONDS = 45

const ended = { value: undefined }

type StreamRequest = { endpoint: Endpoint; path: string; position: StreamPosition; signal: AbortSignal }

/**
 * Reads a stream of server-sent events with `fetch`, which can send headers. Ends when the connection ends, however it does.
 *
 * @throws ClientError when the stream cannot be opened
 */
export async function* readStream({
  endpoint,
  path,
  position,
  signal,
}: StreamRequest): AsyncGenerator<StreamEvent, void, undefined> {
  const { controller: connection, unlink } = linkController(signal)
  const onLate = (error: Error) => connection.abort(error)
  try {
    signal.throwIfAborted()
    const { lastEventId } = position
    const headers = { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) }
    const response = await withinTime(
      endpoint.open({ path, headers, signal: connection.signal }),
      STALL_SECONDS,
      onLate,
    )
    if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new ClientError({
        code: 'client.no_stream',
        detail: 'The response is not a stream of events.',
        status: response.status,
      })
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    const parse = createEventParser(position)
    for (;;) {
      const { value } = await withinTime(reader.read(), STALL_SECONDS, onLate).catch(() => ended)
      signal.throwIfAborted()
      if (value === undefined) return
      yield* parse(decoder.decode(value as Uint8Array, { stream: true }))
    }
  } finally {
    unlink()
    connection.abort()
  }
}
