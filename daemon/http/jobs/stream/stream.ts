import type { JobDocument } from '../../../vocabulary/job.ts'
import { createOutbox, type OutboxOptions } from './outbox.ts'
import type { Watcher } from './watch.ts'

export type JobStreamOptions = OutboxOptions & {
  /** Returns whether the client may see a later version of the document. */
  isVisible(document: JobDocument): boolean
  /** Called once, when the stream has ended for whatever reason. */
  onEnd(): void
}

/** The response to one client, as Server-Sent Events. */
export type JobStream = Watcher & {
  readonly body: ReadableStream<Uint8Array>
  /** Sends a comment, so that proxies keep the connection open. Ends the stream of a client that does not read. */
  beat(): void
  /** Ends the stream. The client can still read what was sent. */
  end(): void
}

/** Number of beats in succession at which a client has not read what was sent before. */
const MAX_UNREAD_BEATS = 2
const RETRY_MS = 2_000

/**
 * Creates the stream of a client. Whatever the client does not read is replaced by what is current when it does: at most one
 * chunk waits here, with the events up to now, so a slow client costs the memory of one job.
 */
export function createJobStream({ isVisible, onEnd, ...options }: JobStreamOptions): JobStream {
  const outbox = createOutbox(options)
  const sink = createSink(outbox.take, onEnd)
  let unread = 0
  let isFailing = false
  let isGone = false
  outbox.note(`retry: ${RETRY_MS}`)
  return {
    body: sink.body,
    update(document) {
      if (isGone) return
      isFailing = false
      if (document === null ? outbox.document !== null : !isVisible(document)) {
        isGone = true
        outbox.note(': the job no longer exists')
        return sink.endAfterFlush()
      }
      if (document !== null) outbox.update(document)
      sink.flush()
    },
    fail() {
      if (isFailing) return
      isFailing = true
      outbox.note(': the storage does not respond; events follow when it does')
      sink.flush()
    },
    beat() {
      unread = sink.isUnread() ? unread + 1 : 0
      if (unread >= MAX_UNREAD_BEATS) return sink.fail(new Error('the client does not read its events'))
      if (unread > 0) return
      outbox.note(':')
      sink.flush()
    },
    end: sink.end,
  }
}

/** Creates the body of a response, which takes a new text whenever the last one has been read. */
function createSink(take: () => { text: string; isLast: boolean }, onEnd: () => void) {
  const encoder = new TextEncoder()
  let isEnding = false
  let isOver = false
  let output: ReadableStreamDefaultController<Uint8Array>
  const isUnread = () => !isOver && (output.desiredSize ?? 0) <= 0
  const finish = (how: () => void) => {
    if (isOver) return
    isOver = true
    how()
    onEnd()
  }
  const end = () => finish(() => output.close())
  const flush = () => {
    if (isOver || isUnread()) return
    const { text, isLast } = take()
    if (text !== '') output.enqueue(encoder.encode(text))
    if (isLast || isEnding) end()
  }
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (output = controller),
    pull: flush,
    cancel: () => finish(() => {}),
  })
  return {
    body,
    isUnread,
    flush,
    endAfterFlush() {
      isEnding = true
      flush()
    },
    end,
    fail: (reason: Error) => finish(() => output.error(reason)),
  }
}
