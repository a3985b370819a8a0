import { decideTake } from '../../daemon/protocol/decide.ts'
import type { JobDocument, Source } from '../../daemon/vocabulary/job.ts'
import { LEASE, limits, read, toClaimed, toDead, toFailed, toVersion, write, type World } from './world.ts'

/** The steps of a daemon. At every `yield` it can be paused or killed; `idle` means that it waits. */
export type Steps = Generator<'idle' | undefined, void>

const MARGIN = 10
const BEAT = 15
const VISIBILITY = 30

/** Handles one work message like a slot of a daemon, with the rules of the product. */
export function* take(world: World, daemon: string): Steps {
  const { work, inProgress, defect } = world
  const message = work.receive(VISIBILITY)
  if (!message) return
  yield
  const { redrive: _, ...source } = message.body
  const id = source.key
  const seen = read(world, id)
  yield
  const decision = decideTake(message.body, seen, world.rules.take)
  if (decision.do === 'delete') return work.delete(message)
  if (decision.do === 'postpone') return work.hide(message, decision.seconds)
  if (decision.do === 'dead-letter') {
    yield
    if (seen && write(world, toDead(seen.document), seen.etag)) work.delete(message)
    else work.hide(message, 1)
    return
  }
  checkClaim(world, { seen, source, attempt: decision.attempt })
  const owner = `${daemon}/${world.unique()}`
  const content = { id, source, claim: decision.claim, owner }
  const isSentFirst = defect.step !== 'in-progress message' && defect.step !== 'in-progress message before claim'
  if (isSentFirst) inProgress.send(content, limits.recheckSeconds)
  yield
  const document = toClaimed(content, decision.attempt)
  const sentAt = world.now
  const etag = write(world, document, seen?.etag)
  if (!etag) return work.hide(message, 1)
  yield
  work.delete(message)
  yield
  if (defect.step === 'in-progress message before claim') inProgress.send(content, limits.recheckSeconds)
  yield* run(world, daemon, { document, etag, confirmedAt: sentAt })
}

type Claim = { seen: ReturnType<typeof read>; source: Source; attempt: number }

function checkClaim(world: World, { seen, source, attempt }: Claim): void {
  if (attempt > limits.attempts) world.fail(`twice: ${source.key} has attempt ${attempt}`)
  if (!seen || seen.document.source.etag !== source.etag) return
  const { state, backoffSeconds } = seen.document
  if (state === 'failed' && seen.ageSeconds < backoffSeconds)
    world.fail(`needless: ${source.key} is claimed in its backoff`)
}

/** A claim of a daemon. `confirmedAt` is the time at which the last successful write was sent. */
type Held = { readonly document: JobDocument; etag: number; confirmedAt: number }

function* run(world: World, daemon: string, held: Held): Steps {
  const { document } = held
  const isHeld = () => world.defect.step === 'fence' || world.now - held.confirmedAt <= LEASE - MARGIN
  if (!isHeld()) return
  const leave = enter(world, daemon, { document, isHeld })
  const isDone = yield* beatWhileWorking(world, held, isHeld)
  leave()
  if (!isDone) return
  if (world.stopping.has(daemon)) return yield* release(world, held)
  if (!(yield* publish(world, document, isHeld))) return
  const isFailed = world.random.chance(0.2)
  if (!isHeld()) return
  const verdict = world.random.chance(0.3) ? 'reject' : 'retry'
  write(world, isFailed ? toFailed(document, verdict) : { ...document, state: 'succeeded' }, held.etag)
}

type Started = { document: JobDocument; isHeld: () => boolean }

/** Registers the job as running, and returns a function that removes it. Fails when it must not run. */
function enter(world: World, daemon: string, { document, isHeld }: Started): () => void {
  const { id, source } = document
  const owner = document.owner ?? ''
  const before = world.finished.get(toVersion(source))
  if (before) world.fail(`twice: ${id} runs again after it was ${before}`)
  const other = world.running.get(id)
  if (other && other.owner !== owner && other.isHeld())
    world.fail(`twice: ${id} is run by ${other.owner} and ${owner} at once`)
  world.running.set(id, { owner, isHeld: () => world.alive.has(daemon) && isHeld() })
  return () => {
    if (world.running.get(id)?.owner === owner) world.running.delete(id)
  }
}

/** Works, with heartbeats, for a random time. Returns false when the lease was lost. */
function* beatWhileWorking(world: World, held: Held, isHeld: () => boolean): Generator<'idle' | undefined, boolean> {
  const end = world.now + world.random.between(1, 400)
  for (;;) {
    const next = Math.min(end, world.now + BEAT)
    while (world.now < next) {
      yield 'idle'
      if (!isHeld()) return false
    }
    if (world.now >= end) return true
    if (world.random.chance(0.1)) continue // a heartbeat that failed
    const sentAt = world.now
    const etag = write(world, held.document, held.etag)
    if (!etag) return false
    held.etag = etag
    yield
    held.confirmedAt = sentAt
    if (!isHeld()) return false
  }
}

function* release(world: World, { document, etag }: Held): Steps {
  const isSentFirst = world.defect.step !== 'send before release'
  if (isSentFirst) world.work.send(document.source)
  yield
  write(world, { ...document, state: 'released', owner: null }, etag)
  yield
  if (!isSentFirst) world.work.send(document.source)
}

/** Uploads the output conditionally, never over that of a later claim. Returns false when the lease was lost. */
function* publish(
  world: World,
  { id, claim }: Pick<JobDocument, 'id' | 'claim'>,
  isHeld: () => boolean,
): Generator<'idle' | undefined, boolean> {
  const { outputs, random } = world
  for (;;) {
    const seen = outputs.get(id)
    yield
    if (!isHeld() || (seen && seen.claim > claim)) return false
    const arrivesAt = world.now + (random.chance(0.9) ? 0 : random.between(0, 600))
    yield // the PUT can take long
    while (world.now < arrivesAt) yield 'idle'
    if (world.defect.step === 'conditional upload' || outputs.get(id) === seen) {
      outputs.set(id, { claim })
      yield
      return true
    }
  }
}
