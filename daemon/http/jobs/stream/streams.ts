import type { Clock } from '../../../vocabulary/clock.ts'
import { problemError } from '../../problem.ts'
import type { JobStream } from './stream.ts'

/** The open streams of the endpoint. */
export type Streams = {
  /**
   * Adds the stream of a client, or of a program on this machine if it is null. `create` returns it, and it is removed by the function that `create` receives.
   *
   * @throws HTTPError 429 if the client has too many, 503 if all clients have, or if the endpoint closes
   */
  open(client: string | null, create: (remove: () => void) => JobStream): JobStream
  /** Returns the number of open streams. */
  count(): number
  /** Ends all streams, and accepts no others. */
  close(): void
}

export type StreamsOptions = { max: number; maxPerClient: number; clock: Clock }

const BEAT_MS = 15_000
const RETRY_SECONDS = '10'

export function createStreams({ max, maxPerClient, clock }: StreamsOptions): Streams {
  const open = new Set<JobStream>()
  const clients = new Map<string, number>()
  let beating: AbortController | null = null
  let isClosed = false

  const beat = async (stop: AbortSignal) => {
    for (;;) {
      await clock.wait(BEAT_MS, stop)
      if (stop.aborted) return
      for (const stream of open) stream.beat()
    }
  }
  const count = (client: string | null, change: number) => {
    if (client === null) return
    const streams = (clients.get(client) ?? 0) + change
    if (streams > 0) clients.set(client, streams)
    else clients.delete(client)
  }
  return {
    open(client, create) {
      if (isClosed || open.size >= max) throw full()
      if (client !== null && (clients.get(client) ?? 0) >= maxPerClient) throw tooMany(maxPerClient)
      count(client, 1)
      const stream = create(() => {
        open.delete(stream)
        count(client, -1)
        if (open.size > 0) return
        beating?.abort()
        beating = null
      })
      open.add(stream)
      if (beating === null) {
        beating = new AbortController()
        void beat(beating.signal)
      }
      return stream
    },
    count: () => open.size,
    close() {
      isClosed = true
      for (const stream of open) stream.end()
    },
  }
}

const headers = { 'retry-after': RETRY_SECONDS }

function tooMany(maxPerClient: number) {
  const detail = `You have ${maxPerClient} open streams. Close one, or try again later.`
  return problemError({ status: 429, detail, code: 'request.streams', headers })
}

function full() {
  const detail = 'The endpoint cannot open another stream now. Try again later.'
  return problemError({ status: 503, detail, code: 'request.streams', headers })
}
