import type { JobDocument, JobError, Source, WorkSource } from '../../daemon/vocabulary/job.ts'
import { sweepRules, takeRules, type JobPolicy } from '../../daemon/protocol/decide.ts'
import type { InProgressMessage } from '../../daemon/protocol/messages.ts'
import { createRandom, type Random } from './random.ts'

export const LEASE = 60
export const limits: JobPolicy = { attempts: 5, leaseSeconds: LEASE, recheckSeconds: 30 }

/** The rule or step that an exploration leaves out, to test that the invariants detect it. */
export type Defect = {
  takeRule?: string
  sweepRule?: string
  step?:
    | 'in-progress message'
    | 'in-progress message before claim'
    | 'send before release'
    | 'fence'
    | 'conditional upload'
    | 'conditional document'
}

export type Stored = { readonly document: JobDocument; readonly etag: number; readonly modified: number }
export type Received<Body> = { readonly id: number; readonly handle: number; readonly body: Body }

/** The queues, the bucket and the daemons of one schedule. */
export type World = {
  /** Time in seconds. */
  now: number
  readonly random: Random
  readonly defect: Defect
  readonly rules: ReturnType<typeof toRules>
  readonly work: ModelQueue<WorkSource>
  readonly inProgress: ModelQueue<InProgressMessage>
  readonly documents: Map<string, Stored>
  /** The claim that wrote the output, by key. */
  readonly outputs: Map<string, { claim: number }>
  /** The latest upload, by key. */
  readonly uploads: Map<string, Source>
  /** Versions that must not run again, by {@link toVersion}. */
  readonly finished: Map<string, 'succeeded' | 'rejected'>
  /** Dead jobs that an operator redrives, by {@link toDeathId}. */
  readonly redriven: Set<string>
  /** The owners that run a job, by job id. */
  readonly running: Map<string, { owner: string; isHeld: () => boolean }>
  /** Daemons that run, by name. */
  readonly alive: Set<string>
  /** Daemons that are stopping, by name. */
  readonly stopping: Set<string>
  /** Returns a number that was not returned before. */
  unique(): number
  /** Ends the schedule because of a violated invariant. */
  fail(message: string): never
}

export function createWorld(seed: number, defect: Defect): World {
  let last = 0
  const random = createRandom(seed)
  const world: World = {
    now: 0,
    random,
    defect,
    rules: toRules(defect),
    work: createModelQueue(() => world),
    inProgress: createModelQueue(() => world),
    documents: new Map(),
    outputs: new Map(),
    uploads: new Map(),
    finished: new Map(),
    redriven: new Set(),
    running: new Map(),
    alive: new Set(),
    stopping: new Set(),
    unique: () => ++last,
    fail(message) {
      throw new Error(`seed ${seed}: ${message}`)
    },
  }
  return world
}

export function read(world: World, id: string) {
  const stored = world.documents.get(id)
  return stored ? { ...stored, ageSeconds: world.now - stored.modified } : null
}

/** Writes a document conditionally. Returns its etag; undefined when another writer was faster. */
export function write(world: World, document: JobDocument, etag: number | undefined): number | undefined {
  const before = world.documents.get(document.id)
  if (before?.etag !== etag && world.defect.step !== 'conditional document') return undefined
  if (before && isFinished(before.document) && before.document.source.etag === document.source.etag) {
    if (!world.redriven.has(toDeathId(before.document)))
      world.fail(`twice: ${document.id} was finished, and became ${document.state}`)
    world.finished.delete(toVersion(document.source))
  }
  if (document.state === 'succeeded') world.finished.set(toVersion(document.source), 'succeeded')
  if (document.error?.verdict === 'reject') world.finished.set(toVersion(document.source), 'rejected')
  const next = world.unique()
  world.documents.set(document.id, { document, etag: next, modified: world.now })
  return next
}

/** Identifies a version of a source. */
export const toVersion = ({ key, etag }: Source): string => `${key}@${etag}`
/** Identifies the end of a claim. */
export const toDeathId = ({ source, claim, state }: JobDocument): string => `${state} ${toVersion(source)} as ${claim}`
export const isFinished = ({ state }: JobDocument): boolean => state === 'succeeded' || state === 'dead'

export function toClaimed(content: InProgressMessage, attempt: number): JobDocument {
  return {
    version: 1,
    ...content,
    attempt,
    state: 'processing',
    rev: 1,
    nonce: '',
    progress: { plugin: null, percent: 0 },
    outputs: [],
    error: null,
    backoffSeconds: 0,
    timings: { startedAt: '', endedAt: null, plugins: [] },
    history: [],
  }
}

export function toFailed(document: JobDocument, verdict: JobError['verdict']): JobDocument {
  const error = { code: 'x.y', message: '', verdict }
  return { ...document, state: 'failed', error, backoffSeconds: verdict === 'reject' ? 0 : 5 * 2 ** document.attempt }
}

export const toDead = (document: JobDocument): JobDocument => ({ ...document, state: 'dead', owner: null, error: null })

function toRules(defect: Defect) {
  return {
    take: { ...limits, rules: takeRules.filter((rule) => rule.name !== defect.takeRule) },
    sweep: { ...limits, rules: sweepRules.filter((rule) => rule.name !== defect.sweepRule) },
  }
}

export type ModelQueue<Body> = {
  readonly messages: ReadonlyMap<number, unknown>
  send(body: Body, delay?: number): void
  receive(seconds: number): Received<Body> | undefined
  hide(received: Received<Body>, seconds: number): void
  delete(received: Received<Body>): void
}

/** Creates a queue with at-least-once delivery in any order. A handle is valid until the message is received again. */
function createModelQueue<Body>(world: () => World): ModelQueue<Body> {
  const messages = new Map<number, { id: number; body: Body; visibleAt: number; handle: number }>()
  return {
    messages,
    send(body, delay = 0) {
      const id = world().unique()
      messages.set(id, { id, body, visibleAt: world().now + delay, handle: 0 })
    },
    receive(seconds) {
      const ready = [...messages.values()].filter(({ visibleAt }) => visibleAt <= world().now)
      if (ready.length === 0) return undefined
      const message = world().random.pick(ready)
      message.visibleAt = world().now + seconds
      message.handle = world().unique()
      return { id: message.id, handle: message.handle, body: message.body }
    },
    hide({ id, handle }, seconds) {
      const message = messages.get(id)
      if (message?.handle === handle) message.visibleAt = world().now + seconds
    },
    delete({ id, handle }) {
      const message = messages.get(id)
      if (message && (message.handle === handle || message.visibleAt <= world().now)) messages.delete(id)
    },
  }
}
