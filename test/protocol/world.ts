import type { JobDocument, JobError, Source, WorkSource } from '../../daemon/vocabulary/job.ts'
import { sweepRules, takeRules, type JobPolicy } from '../../daemon/protocol/decide.ts'
import type { InProgressMessage } from '../../daemon/protocol/messages.ts'
import { createDice, type Dice } from './dice.ts'

export const LEASE = 60
export const limits: JobPolicy = { attempts: 5, leaseSeconds: LEASE, recheckSeconds: 30 }

/** What an exploration takes away, to see that it is missed. */
export type Broken = {
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

/** The cloud and all daemons of one schedule. Time is in seconds. */
export type World = {
  now: number
  readonly dice: Dice
  readonly broken: Broken
  readonly rules: ReturnType<typeof toRules>
  readonly work: ModelQueue<WorkSource>
  readonly inProgress: ModelQueue<InProgressMessage>
  readonly documents: Map<string, Stored>
  /** By key: the claim that wrote the output. */
  readonly outputs: Map<string, { claim: number }>
  /** By key: the latest upload. */
  readonly uploads: Map<string, Source>
  /** By key and etag: what can never be done again. */
  readonly over: Map<string, 'succeeded' | 'rejected'>
  /** By {@link toDeath}: the deaths an operator has seen and does not accept. */
  readonly redriven: Set<string>
  readonly running: Map<string, { owner: string; holds: () => boolean }>
  readonly alive: Set<string>
  readonly stopping: Set<string>
  unique(): number
  /** Ends the schedule: an invariant is broken. */
  fail(what: string): never
}

export function createWorld(seed: number, broken: Broken): World {
  let last = 0
  const dice = createDice(seed)
  const world: World = {
    now: 0,
    dice,
    broken,
    rules: toRules(broken),
    work: createModelQueue(() => world),
    inProgress: createModelQueue(() => world),
    documents: new Map(),
    outputs: new Map(),
    uploads: new Map(),
    over: new Map(),
    redriven: new Set(),
    running: new Map(),
    alive: new Set(),
    stopping: new Set(),
    unique: () => ++last,
    fail(what) {
      throw new Error(`seed ${seed}: ${what}`)
    },
  }
  return world
}

export function read(world: World, id: string) {
  const stored = world.documents.get(id)
  return stored ? { ...stored, ageSeconds: world.now - stored.modified } : null
}

/** A conditional write; undefined when it lost. */
export function write(world: World, document: JobDocument, etag: number | undefined): number | undefined {
  const before = world.documents.get(document.id)
  if (before?.etag !== etag && world.broken.step !== 'conditional document') return undefined
  if (before && isFinished(before.document) && before.document.source.etag === document.source.etag) {
    if (!world.redriven.has(toDeath(before.document)))
      world.fail(`twice: ${document.id} was over, and became ${document.state}`)
    world.over.delete(toVersion(document.source))
  }
  if (document.state === 'succeeded') world.over.set(toVersion(document.source), 'succeeded')
  if (document.error?.verdict === 'reject') world.over.set(toVersion(document.source), 'rejected')
  const next = world.unique()
  world.documents.set(document.id, { document, etag: next, modified: world.now })
  return next
}

export const toVersion = ({ key, etag }: Source): string => `${key}@${etag}`
export const toDeath = ({ source, claim, state }: JobDocument): string => `${state} ${toVersion(source)} as ${claim}`
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

function toRules(broken: Broken) {
  return {
    take: { ...limits, rules: takeRules.filter((rule) => rule.name !== broken.takeRule) },
    sweep: { ...limits, rules: sweepRules.filter((rule) => rule.name !== broken.sweepRule) },
  }
}

export type ModelQueue<Body> = {
  readonly messages: ReadonlyMap<number, unknown>
  send(body: Body, delay?: number): void
  receive(seconds: number): Received<Body> | undefined
  hide(received: Received<Body>, seconds: number): void
  delete(received: Received<Body>): void
}

/** At least once, in any order; a receipt is good until the message is received again. */
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
      const message = world().dice.pick(ready)
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
