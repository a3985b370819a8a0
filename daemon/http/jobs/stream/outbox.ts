import type { JobDocument } from '../../../vocabulary/job.ts'
import { toJobEvents } from './events.ts'
import { renderMark, type Mark } from './mark.ts'

export type OutboxOptions = {
  /** What the client knows from an earlier connection; null if nothing. */
  before: Mark | null
  /** The document that was just read; null for an upload that no daemon has claimed. */
  first: JobDocument | null
  /** Renders the data of an event, without line breaks. */
  toData(document: JobDocument | null): string
}

/** What a client has to be told next. Of the states of a job, only the current one is kept. */
export type Outbox = {
  readonly document: JobDocument | null
  update(document: JobDocument): void
  /** Adds a comment, or another line that is not part of an event. */
  note(line: string): void
  /** Takes everything as the text of Server-Sent Events; empty if there is nothing. */
  take(): { text: string; isLast: boolean }
}

export function createOutbox({ before, first, toData }: OutboxOptions): Outbox {
  let known = before
  let document = first
  let notes: string[] = []
  return {
    get document() {
      return document
    },
    update: (next) => void (document = next),
    note: (line) => void notes.push(line),
    take() {
      const events = toJobEvents(known, document)
      known = events.at(-1)?.mark ?? known
      const data = events.length === 0 ? '' : toData(document)
      const blocks = events.map(({ type, mark }) => `event: ${type}\nid: ${renderMark(mark)}\ndata: ${data}\n\n`)
      const text = [...notes.map((line) => `${line}\n\n`), ...blocks].join('')
      notes = []
      return { text, isLast: events.some(({ isLast }) => isLast) }
    },
  }
}
