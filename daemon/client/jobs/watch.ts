import type { Endpoint } from '../endpoint.ts'
import { ClientError, hasCode, JobDeadError } from '../errors.ts'
import type { StreamPosition } from './events.ts'
import { toJobPath, type Job, type JobTarget } from './job.ts'
import { isTransient, pause, retry } from '../retry.ts'
import { readStream } from './stream.ts'

/** Something that happened to a job, with its state after that. */
export type JobEvent = {
  readonly type: 'queued' | 'started' | 'progress' | 'playable' | 'outputs' | 'succeeded' | 'failed' | 'dead'
  readonly job: Job
}

export type WatchOptions = {
  signal?: AbortSignal
  /**
   * Time for the job to appear, in seconds; then `job.not_found` is thrown. A job appears under its id when a daemon claims it,
   * and under its key when the source has been uploaded. Default 600.
   */
  missingSeconds?: number
  /** Pause between requests for the state of the job, when there is no stream of events. Default 2. */
  pollSeconds?: number
}

/** Number of polls between attempts to open a stream at an endpoint that has none. */
const POLLS_PER_STREAM = 10

type Session = StreamPosition & {
  readonly endpoint: Endpoint
  readonly target: JobTarget
  readonly signal: AbortSignal
  readonly missingSeconds: number
  /** The last job that was reported, as JSON, and the job itself. */
  seen: string
  job: Job | null
  /** True once there was a response: the endpoint exists, and failures of the network are temporary. */
  isKnown: boolean
  /** Time since which the job is missing; null when it is not. */
  missingSince: number | null
  /** Polls until the next attempt to open a stream. */
  polls: number
}

/** Reports what happens to a job until it has ended. A lost stream is opened again; without a stream, the client polls. */
export async function* watchJob(
  endpoint: Endpoint,
  target: JobTarget,
  { signal = new AbortController().signal, missingSeconds = 600, pollSeconds = 2 }: WatchOptions,
): AsyncGenerator<JobEvent, void, undefined> {
  const session: Session = {
    endpoint,
    target,
    missingSeconds,
    signal,
    lastEventId: '',
    retrySeconds: 2,
    seen: '',
    job: null,
    isKnown: false,
    missingSince: null,
    polls: 0,
  }
  for (;;) {
    const isPolling = session.polls > 0
    for await (const event of isPolling ? poll(session) : follow(session)) {
      yield event
      if (event.type === 'succeeded' || event.type === 'dead') return
    }
    const isNext = !isPolling && session.polls > 0 // the stream could not be opened: poll at once
    if (!isNext) await pause(isPolling ? pollSeconds : toReconnect(session), signal)
  }
}

/** Returns the job when it has succeeded. @throws JobDeadError when it has ended without success */
export async function waitForJob(endpoint: Endpoint, target: JobTarget, options: WatchOptions): Promise<Job> {
  for await (const { job } of watchJob(endpoint, target, options)) {
    if (job.state === 'succeeded') return job
    if (job.state === 'dead') throw new JobDeadError(job)
  }
  throw new Error('unreachable: a job is watched until it has ended')
}

const isEnded = ({ state }: Job): boolean => state === 'succeeded' || state === 'dead'

/** Clients that lost the same server do not return at the same time. */
const toReconnect = ({ retrySeconds }: Session) => retrySeconds * (0.5 + Math.random() / 2)

/** Reports the events of one stream. When it cannot be opened, the next thing to do is to poll, or to wait for the job. */
async function* follow(session: Session): AsyncGenerator<JobEvent, void, undefined> {
  const { endpoint, target, signal } = session
  try {
    for await (const { type, data } of readStream({
      endpoint,
      path: toJobPath(target, '/events'),
      position: session,
      signal,
    }))
      yield toEvent(session, { type: type as JobEvent['type'], text: data })
  } catch (error) {
    signal.throwIfAborted()
    if (hasCode(error, 'job.not_found')) return checkMissing(session, error)
    const hasNoStream = error instanceof ClientError && [200, 204, 404, 405, 406, 501].includes(error.status ?? 0)
    if (!hasNoStream && !isTransient(error)) throw error
    // after a failure of the network, the stream can be there again; a server that refuses it may need time
    session.polls = hasNoStream || (error as ClientError).status !== null ? POLLS_PER_STREAM : 1
  }
}

/** Requests the job once, and reports it if it has changed. */
async function* poll(session: Session): AsyncGenerator<JobEvent, void, undefined> {
  const { endpoint, target, signal, isKnown, job: before } = session
  session.polls--
  const policy = isKnown ? { ...endpoint.policy, attempts: Infinity } : endpoint.policy
  try {
    const job = await retry(() => endpoint.request<Job>({ path: toJobPath(target), signal }), { policy, signal })
    const text = JSON.stringify(job)
    if (text !== session.seen || isEnded(job)) yield toEvent(session, { type: toType(job, before), text })
  } catch (error) {
    if (!hasCode(error, 'job.not_found')) throw error
    checkMissing(session, error)
  }
}

function toEvent(session: Session, { type, text }: { type: JobEvent['type']; text: string }): JobEvent {
  const job = parseJob(text)
  Object.assign(session, { seen: text, job, isKnown: true, missingSince: null })
  return { type, job }
}

function parseJob(text: string): Job {
  try {
    return JSON.parse(text) as Job
  } catch (cause) {
    throw new ClientError({ code: 'client.response', detail: 'An event of the job is not JSON.', cause })
  }
}

/** Names the change that polling found, as the stream names it. */
function toType({ state, attempt }: Job, before: Job | null): JobEvent['type'] {
  if (state === 'released') return 'queued'
  if (state !== 'processing') return state
  return before?.state === 'processing' && before.attempt === attempt ? 'progress' : 'started'
}

/** @throws the error when the job has been missing for too long */
function checkMissing(session: Session, error: unknown): void {
  session.isKnown = true
  session.missingSince ??= Date.now()
  if (Date.now() - session.missingSince >= session.missingSeconds * 1000) throw error
}
