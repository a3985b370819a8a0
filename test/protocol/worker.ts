import { decideTake } from '../../daemon/protocol/decide.ts'
import type { JobDocument, Source } from '../../daemon/vocabulary/job.ts'
import { LEASE, limits, read, toClaimed, toDead, toFailed, toVersion, write, type World } from './world.ts'

/** What a daemon does, step by step: every `yield` is a moment where it may be paused or killed. */
export type Steps = Generator<'idle' | undefined, void>

const MARGIN = 10
const BEAT = 15
const VISIBILITY = 30

/** One turn of a daemon's work loop, with the product's own decision. */
export function* take(world: World, me: string): Steps {
  const { work, inProgress, broken } = world
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
  if (decision.do === 'bury') {
    yield
    if (seen && write(world, toDead(seen.document), seen.etag)) work.delete(message)
    else work.hide(message, 1)
    return
  }
  checkClaim(world, { seen, source, attempt: decision.attempt })
  const owner = `${me}/${world.unique()}`
  const record = { id, source, claim: decision.claim, owner }
  const early = broken.step !== 'record' && broken.step !== 'record before claim'
  if (early) inProgress.send(record, limits.recheckSeconds)
  yield
  const mine = toClaimed(record, decision.attempt)
  const sent = world.now
  const etag = write(world, mine, seen?.etag)
  if (!etag) return work.hide(message, 1)
  yield
  work.delete(message)
  yield
  if (broken.step === 'record before claim') inProgress.send(record, limits.recheckSeconds)
  yield* run(world, me, { mine, etag, confirmed: sent })
}

type Claim = { seen: ReturnType<typeof read>; source: Source; attempt: number }

function checkClaim(world: World, { seen, source, attempt }: Claim): void {
  if (attempt > limits.attempts) world.fail(`twice: ${source.key} is tried for the ${attempt}th time`)
  if (!seen || seen.document.source.etag !== source.etag) return
  const { state, backoffSeconds } = seen.document
  if (state === 'failed' && seen.ageSeconds < backoffSeconds) world.fail(`needless: ${source.key} did not wait`)
}

/** A claim in hand; `confirmed` is when the last write that got through was sent. */
type Held = { mine: JobDocument; etag: number; confirmed: number }

function* run(world: World, me: string, held: Held): Steps {
  const { id, claim } = held.mine
  const holds = () => world.broken.step === 'fence' || world.now - held.confirmed <= LEASE - MARGIN
  if (!holds()) return
  const leave = enter(world, me, { mine: held.mine, holds })
  const worked = yield* beatWhileWorking(world, held, holds)
  leave()
  if (!worked) return
  if (world.stopping.has(me)) return yield* release(world, held)
  if (!(yield* publish(world, { id, claim }, holds))) return
  const failed = world.dice.chance(0.2)
  if (!holds()) return
  const verdict = world.dice.chance(0.3) ? 'reject' : 'retry'
  write(world, failed ? toFailed(held.mine, verdict) : { ...held.mine, state: 'succeeded' }, held.etag)
}

/** Marks the job as worked on; gives what unmarks it. */
function enter(world: World, me: string, { mine, holds }: { mine: JobDocument; holds: () => boolean }): () => void {
  const { id, source } = mine
  const owner = mine.owner ?? ''
  const before = world.over.get(toVersion(source))
  if (before) world.fail(`twice: ${id} runs again after it was ${before}`)
  const other = world.running.get(id)
  if (other && other.owner !== owner && other.holds())
    world.fail(`twice: ${id} is run by ${other.owner} and ${owner} at once`)
  world.running.set(id, { owner, holds: () => world.alive.has(me) && holds() })
  return () => {
    if (world.running.get(id)?.owner === owner) world.running.delete(id)
  }
}

/** False when the lease was lost on the way. */
function* beatWhileWorking(world: World, held: Held, holds: () => boolean): Generator<'idle' | undefined, boolean> {
  const end = world.now + world.dice.between(1, 400)
  for (;;) {
    const next = Math.min(end, world.now + BEAT)
    while (world.now < next) {
      yield 'idle'
      if (!holds()) return false
    }
    if (world.now >= end) return true
    if (world.dice.chance(0.1)) continue // a heartbeat that did not get through
    const sent = world.now
    const etag = write(world, held.mine, held.etag)
    if (!etag) return false
    held.etag = etag
    yield
    held.confirmed = sent
    if (!holds()) return false
  }
}

function* release(world: World, { mine, etag }: Held): Steps {
  const early = world.broken.step !== 'send before release'
  if (early) world.work.send(mine.source)
  yield
  write(world, { ...mine, state: 'released', owner: null }, etag)
  yield
  if (!early) world.work.send(mine.source)
}

/** Conditional, never over a later claim. */
function* publish(
  world: World,
  { id, claim }: { id: string; claim: number },
  holds: () => boolean,
): Generator<'idle' | undefined, boolean> {
  const { outputs, dice } = world
  for (;;) {
    const seen = outputs.get(id)
    yield
    if (!holds() || (seen && seen.claim > claim)) return false
    const arrives = world.now + (dice.chance(0.9) ? 0 : dice.between(0, 600))
    yield // the PUT is on its way, perhaps for long
    while (world.now < arrives) yield 'idle'
    if (world.broken.step === 'conditional upload' || outputs.get(id) === seen) {
      outputs.set(id, { claim })
      yield
      return true
    }
  }
}
