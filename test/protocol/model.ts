/**
 * A model of the queue protocol around the product's own decisions: documents with conditional writes, three
 * at-least-once queues, and daemons that pause, crash, stop and are cut off between any two calls. One seed is one
 * schedule. Time is in seconds. The rules are `daemon/job/decide.ts`; everything else here is weather.
 *
 *   lost     every uploaded version ends succeeded or dead, or is superseded by a newer one that does
 *   twice    no version runs again after it succeeded or was rejected, or more often than it may; no two daemons run one
 *            job while both hold it by their own clock
 *   mixed    the output is the one of the claim that succeeded
 *   needless nothing is done for a finished job, on behalf of an older claim, or before its backoff is over
 *   clean    work and in-progress queues end empty
 */
import { decideSweep, decideTake, sweepRules, takeRules, type JobRecord, type Limits } from '../../daemon/job/decide.ts'
import type { JobDocument, JobError, Source } from '../../daemon/job/job.ts'

/** What an exploration takes away, to see that it is missed. */
export type Broken = {
  takeRule?: string
  sweepRule?: string
  step?:
    | 'record'
    | 'record before claim'
    | 'send before release'
    | 'fence'
    | 'conditional upload'
    | 'conditional document'
}

const LEASE = 60
const MARGIN = 10
const BEAT = 15
const VISIBILITY = 30
const STORM_SECONDS = 1500
const PATIENCE_SECONDS = 20_000
const limits: Limits = { attempts: 5, leaseSeconds: LEASE, recheckSeconds: 30 }

type Stored = { document: JobDocument; etag: number; modified: number }
type Step = Generator<'idle' | undefined, void>
type Actor = { me: string; make: () => Step; run: Step | null; at: number }
type Handle<Body> = { id: number; handle: number; body: Body }

/** Runs one schedule to its end. @throws Error that names the seed and the invariant that broke. */
export function explore(seed: number, broken: Broken = {}): void {
  const { chance, between, pick } = createDice(seed)
  let now = 0
  let unique = 0
  const fail = (what: string): never => {
    throw new Error(`seed ${seed}: ${what}`)
  }
  const rules = {
    take: { ...limits, rules: takeRules.filter((rule) => rule.name !== broken.takeRule) },
    sweep: { ...limits, rules: sweepRules.filter((rule) => rule.name !== broken.sweepRule) },
  }

  // ---- the cloud
  function createModelQueue<Body>() {
    const messages = new Map<number, { id: number; body: Body; visibleAt: number; handle: number }>()
    return {
      messages,
      send(body: Body, delay = 0) {
        const id = ++unique
        messages.set(id, { id, body, visibleAt: now + delay, handle: 0 })
      },
      receive(seconds: number): Handle<Body> | undefined {
        const ready = [...messages.values()].filter((message) => message.visibleAt <= now)
        if (ready.length === 0) return undefined
        const message = pick(ready)
        message.visibleAt = now + seconds
        message.handle = ++unique
        return { id: message.id, handle: message.handle, body: message.body }
      },
      hide(received: Handle<Body>, seconds: number) {
        const message = messages.get(received.id)
        if (message?.handle === received.handle) message.visibleAt = now + seconds
      },
      delete(received: Handle<Body>) {
        const message = messages.get(received.id)
        if (message && (message.handle === received.handle || message.visibleAt <= now)) messages.delete(received.id)
      },
    }
  }
  const work = createModelQueue<Source>()
  const inProgress = createModelQueue<JobRecord>()
  const documents = new Map<string, Stored>()
  const outputs = new Map<string, { claim: number }>()
  const uploads = new Map<string, Source>()
  const over = new Map<string, 'succeeded' | 'rejected'>()
  const running = new Map<string, { me: string; holds: () => boolean }>()
  const alive = new Set<string>()
  const stopping = new Set<string>()
  let actors: Actor[] = []

  const version = (source: Source) => `${source.key}@${source.etag}`
  const read = (id: string) => {
    const stored = documents.get(id)
    return stored ? { document: stored.document, etag: stored.etag, ageSeconds: now - stored.modified } : null
  }
  function write(document: JobDocument, etag: number | undefined): number | undefined {
    const before = documents.get(document.id)
    if (before?.etag !== etag && broken.step !== 'conditional document') return undefined
    const finished = before?.document.state === 'succeeded' || before?.document.state === 'dead'
    if (finished && before.document.source.etag === document.source.etag)
      fail(`twice: ${document.id} was over, and became ${document.state}`)
    if (document.state === 'succeeded') over.set(version(document.source), 'succeeded')
    if (document.error?.verdict === 'reject') over.set(version(document.source), 'rejected')
    documents.set(document.id, { document, etag: ++unique, modified: now })
    return unique
  }

  // ---- one daemon's work loop. Every `yield` is a moment where it may be paused or killed.
  function* take(me: string): Step {
    const message = work.receive(VISIBILITY)
    if (!message) return
    yield
    const source = message.body
    const id = source.key
    const seen = read(id)
    yield
    const decision = decideTake(source, seen, rules.take)
    if (decision.do === 'delete') return work.delete(message)
    if (decision.do === 'postpone') return work.hide(message, decision.seconds)
    if (decision.do === 'bury') {
      yield
      if (seen && write(toDead(seen.document), seen.etag)) work.delete(message)
      else work.hide(message, 1)
      return
    }
    checkClaim(seen, source, decision.attempt)
    const owner = `${me}/${++unique}`
    const record = { id, source, claim: decision.claim, owner }
    const recordDelay = limits.recheckSeconds
    if (broken.step !== 'record' && broken.step !== 'record before claim') inProgress.send(record, recordDelay)
    yield
    const mine = toClaimed(record, decision.attempt)
    const sent = now
    const etag = write(mine, seen?.etag)
    if (!etag) return work.hide(message, 1)
    yield
    work.delete(message)
    yield
    if (broken.step === 'record before claim') inProgress.send(record, recordDelay)
    yield* run(me, { mine, etag, sent })
  }

  function checkClaim(seen: ReturnType<typeof read>, source: Source, attempt: number): void {
    if (attempt > limits.attempts) fail(`twice: ${source.key} is tried for the ${attempt}th time`)
    if (!seen || seen.document.source.etag !== source.etag) return
    if (seen.document.state === 'failed' && seen.ageSeconds < seen.document.backoffSeconds)
      fail(`needless: ${source.key} did not wait`)
  }

  type Claimed = { mine: JobDocument; etag: number; sent: number }
  function* run(me: string, { mine, etag, sent }: Claimed): Step {
    const { id, source, claim } = mine
    let confirmed = sent
    const holds = () => broken.step === 'fence' || now - confirmed <= LEASE - MARGIN
    if (!holds()) return
    if (over.has(version(source))) fail(`twice: ${id} runs again after it was ${over.get(version(source))}`)
    const other = running.get(id)
    if (other && other.me !== mine.owner && other.holds()) fail(`twice: ${id} is run by ${other.me} and ${me} at once`)
    const owner = mine.owner ?? ''
    running.set(id, { me: owner, holds: () => alive.has(me) && running.get(id)?.me === owner && holds() })
    const leave = () => {
      if (running.get(id)?.me === owner) running.delete(id)
    }
    const end = now + between(1, 400)
    while (now < end) {
      const next = now + BEAT
      while (now < next && now < end) {
        yield 'idle'
        if (!holds()) return leave()
      }
      if (chance(0.1)) continue // a heartbeat that did not get through
      const at = now
      const written = write(mine, etag)
      if (!written) return leave()
      etag = written
      yield
      confirmed = at
      if (!holds()) return leave()
    }
    leave()
    if (stopping.has(me)) return yield* release(mine, etag)
    if (!(yield* publish(id, claim, holds))) return
    const failed = chance(0.2)
    if (!holds()) return
    write(failed ? toFailed(mine, chance(0.3) ? 'reject' : 'retry') : { ...mine, state: 'succeeded' }, etag)
  }

  function* release(mine: JobDocument, etag: number): Step {
    if (broken.step !== 'send before release') work.send(mine.source)
    yield
    write({ ...mine, state: 'released', owner: null }, etag)
    yield
    if (broken.step === 'send before release') work.send(mine.source)
  }

  /** Conditional, never over a later claim. */
  function* publish(id: string, claim: number, holds: () => boolean): Generator<undefined, boolean> {
    for (;;) {
      const seen = outputs.get(id)
      yield
      if (!holds() || (seen && seen.claim > claim)) return false
      yield // the PUT is on its way, perhaps for long
      if (broken.step === 'conditional upload' || outputs.get(id) === seen) {
        outputs.set(id, { claim })
        yield
        return true
      }
    }
  }

  function* sweep(): Step {
    const message = inProgress.receive(limits.recheckSeconds)
    if (!message) return
    yield
    const record = message.body
    const seen = read(record.id)
    yield
    const decision = decideSweep(record, seen, rules.sweep)
    if (decision.do === 'drop') return inProgress.delete(message)
    if (decision.do === 'wait') return inProgress.hide(message, decision.seconds)
    if (seen) checkSweep(record, seen.document)
    if (decision.do === 'bury') {
      if (seen?.document.state === 'processing' && seen.ageSeconds <= LEASE)
        fail(`needless: ${record.id} is buried alive`)
      yield
      if (seen && write(toDead(seen.document), seen.etag)) inProgress.delete(message)
      else inProgress.hide(message, 1)
      return
    }
    if (seen?.document.state === 'processing' && seen.document.claim === record.claim && seen.ageSeconds <= LEASE) {
      fail(`needless: ${record.id} goes back to work while it is worked on`)
    }
    if (seen?.document.error?.verdict === 'reject' && seen.document.claim === record.claim) {
      fail(`needless: ${record.id} was rejected and goes back to work`)
    }
    work.send(record.source, decision.delaySeconds)
    yield
    inProgress.delete(message)
  }

  function checkSweep(record: JobRecord, document: JobDocument): void {
    const obsolete =
      record.claim < document.claim || (record.claim === document.claim && record.owner !== document.owner)
    if (obsolete)
      fail(`needless: a record of claim ${record.claim} speaks for ${record.id}, which is at claim ${document.claim}`)
    const finished = document.state === 'succeeded' || document.state === 'dead'
    if (finished && record.claim === document.claim) fail(`needless: ${record.id} is over and goes back to work`)
  }

  // ---- weather
  let daemons = 0
  function start(): void {
    const me = `d${++daemons}`
    alive.add(me)
    for (const make of [() => take(me), () => take(me), () => sweep()]) actors.push({ me, make, run: null, at: now })
  }
  function kill(me: string): void {
    alive.delete(me)
    stopping.delete(me)
    actors = actors.filter((actor) => actor.me !== me)
  }
  function upload(key: string): void {
    const source: Source = { bucket: 'b', key, etag: `e${++unique}`, sizeBytes: 1, sequencer: unique.toString(16) }
    uploads.set(key, source)
    for (let copies = chance(0.3) ? 2 : 1; copies > 0; copies--) work.send(source, chance(0.3) ? between(0, 200) : 0)
  }
  function blow(): void {
    if (chance(0.004)) {
      kill(pick([...alive]))
      if (chance(0.8)) start()
    }
    if (chance(0.002)) stopping.add(pick([...alive]))
    if (chance(0.01)) pick(actors).at += between(0, 300) // a long pause: SIGSTOP, garbage collection, slow S3
    if (chance(0.002)) upload(`k${Math.floor(between(0, 4))}`)
  }
  function isOver(): boolean {
    for (const [id, { document }] of documents) {
      if (document.state === 'succeeded' && outputs.get(id)?.claim !== document.claim) {
        fail(
          `mixed: the output of ${id} is of claim ${outputs.get(id)?.claim}, its document of claim ${document.claim}`,
        )
      }
    }
    const open = [...uploads].filter(([id, source]) => {
      const document = documents.get(id)?.document
      return document?.source.etag !== source.etag || !(document.state === 'succeeded' || document.state === 'dead')
    })
    if (
      open.length === 0 &&
      work.messages.size === 0 &&
      inProgress.messages.size === 0 &&
      actors.every((actor) => !actor.run)
    )
      return true
    if (now > PATIENCE_SECONDS)
      fail(open.length > 0 ? `lost: ${open.map(([id]) => id).join(', ')}` : 'not clean: a queue is not empty')
    return false
  }

  for (let i = 0; i < 3; i++) start()
  for (let i = 0; i < 4; i++) upload(`k${i}`)
  for (let step = 0; ; step++) {
    if (now < STORM_SECONDS) blow()
    else {
      stopping.clear()
      if (step % 50 === 0 && isOver()) return
    }
    while (alive.size < 2) start()
    const actor = pick(actors)
    if (actor.at <= now) {
      actor.run ??= actor.make()
      const { value, done } = actor.run.next()
      if (done) actor.run = null
      if (done) actor.at = now + between(0.5, 5)
      else if (value === 'idle') actor.at = now + between(1, 5)
      else actor.at = now + (chance(0.9) ? between(0, 0.3) : between(0, 40))
    }
    now += between(0, 0.4)
  }
}

function toClaimed(record: JobRecord, attempt: number): JobDocument {
  return {
    version: 1,
    ...record,
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

function toFailed(document: JobDocument, verdict: JobError['verdict']): JobDocument {
  const error = { code: 'x.y', message: '', verdict }
  return { ...document, state: 'failed', error, backoffSeconds: verdict === 'reject' ? 0 : 5 * 2 ** document.attempt }
}

const toDead = (document: JobDocument): JobDocument => ({ ...document, state: 'dead', owner: null, error: null })

/** mulberry32: small, seeded, good enough to shuffle schedules. */
function createDice(seed: number) {
  let state = seed >>> 0
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    chance: (p: number) => random() < p,
    between: (a: number, b: number) => a + random() * (b - a),
    pick: <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T,
  }
}
