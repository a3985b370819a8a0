import type { JobDocument } from '../../../vocabulary/job.ts'
import { nothing, toMark, type Mark, type Phase } from './mark.ts'

/** An event of a job. Its data is the job at the time of the event. */
export type JobEvent = {
  readonly type: JobEventType
  /** What the client knows after this event. */
  readonly mark: Mark
  /** True for an event after which nothing happens, unless the job is redriven or its source is uploaded again. */
  readonly isLast: boolean
}

export const jobEventTypes = [
  'queued',
  'started',
  'progress',
  'playable',
  'outputs',
  'succeeded',
  'failed',
  'dead',
] as const

export type JobEventType = (typeof jobEventTypes)[number]

/**
 * Returns what a client has to be told about a job: the events between what it knows and the document, in order. Steps in
 * between that the document no longer shows are left out. Each event has a mark of its own, so a client whose connection ends
 * between two of them receives exactly the rest.
 *
 * @param before null for a client that knows nothing: it receives the current phase, and the outputs of a finished job
 * @param after null for an upload that no daemon has claimed
 */
export function toJobEvents(before: Mark | null, after: JobDocument | null): JobEvent[] {
  const now = toMark(after)
  let known = before ?? nothing
  if (known.run === now.run && now.rev < known.rev) return [] // the client has seen a later document
  const events: JobEvent[] = []
  const tell = (type: JobEventType, learnt: Partial<Mark>) => {
    known = { ...known, ...learnt, rev: now.rev }
    events.push({ type, mark: known, isLast: isLast(type) })
  }
  const { phase, run, progress, playable, outputs } = now
  const tellPhase = () => {
    if (phase !== known.phase || run !== known.run) tell(phase as Phase, { phase, run, progress })
    else if (phase === 'started' && progress !== known.progress) tell('progress', { progress })
  }
  if (phase !== 'succeeded') tellPhase()
  if (playable !== '' && playable !== known.playable) tell('playable', { playable })
  if (outputs !== '' && outputs !== known.outputs) tell('outputs', { outputs })
  if (phase === 'succeeded') tellPhase() // last: a client stops at this event
  return events
}

function isLast(type: JobEventType): boolean {
  return type === 'succeeded' || type === 'dead'
}
