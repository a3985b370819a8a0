/** Reads Server-Sent Events with fetch. */

export type ReceivedEvent = { readonly type: string; readonly id: string; readonly data: Record<string, unknown> }

export type EventReader = AsyncDisposable & {
  readonly response: Response
  /** Everything received so far. */
  text(): string
  /** Events received so far. */
  events(): ReceivedEvent[]
  /** Types of the events received so far. */
  types(): string
  /** Resolves when the response ends, in whatever way. */
  readonly ended: Promise<void>
  /** Closes the connection. */
  close(): Promise<void>
}

/** Opens a stream. Its body is read until it ends. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const abort = new AbortController()
  const response = await fetch(url, { headers, signal: abort.signal })
  let received = ''
  const ended = readAll(response, (text) => (received += text))
  const close = async () => {
    abort.abort()
    await ended
  }
  return {
    response,
    text: () => received,
    events: () => parseEvents(received),
    types: () =>
      parseEvents(received)
        .map(({ type }) => type)
        .join(' '),
    ended,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function readAll(response: Response, onText: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  try {
    for await (const chunk of response.body ?? []) onText(decoder.decode(chunk as Uint8Array, { stream: true }))
  } catch {
    // closed by the test, or by the endpoint in the middle of the body
  }
}

/** Parses the complete events of a text. Comments and `retry` are not events. */
export function parseEvents(text: string): ReceivedEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? []))
    .map((lines) => Object.fromEntries(lines) as Record<string, string>)
    .filter(({ event }) => event !== undefined)
    .map(({ event = '', id = '', data = '' }) => ({ type: event, id, data: JSON.parse(data) }))
}
