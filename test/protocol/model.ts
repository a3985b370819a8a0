/**
 * A model of the protocol that uses the rules of `daemon/protocol/decide.ts`: documents with conditional writes, queues
 * with at-least-once delivery, and daemons that pause, crash, stop and lose requests between any two steps. One seed is
 * one schedule. These invariants are checked:
 *
 *   lost     every uploaded version ends succeeded or dead, or is superseded by a newer one that does. A dead version
 *            that an operator redrives must end again.
 *   twice    without a redrive, no version runs again after it succeeded or was rejected, and none runs more often than
 *            allowed. No two daemons run one job while both hold the lease by their own clocks.
 *   mixed    the output is that of the claim that succeeded
 *   needless nothing is done for a finished job, for an older claim, or before the end of a backoff
 *   clean    the work queue and the in-progress queue are empty at the end
 */
import type { Source } from '../../daemon/vocabulary/job.ts'
import { sweep } from './sweeper.ts'
import { take, type Steps } from './worker.ts'
import { createWorld, isFinished, toDeathId, write, type Defect, type World } from './world.ts'

/** Time in which faults are injected. */
const FAULT_SECONDS = 1500
/** Time after which unfinished jobs count as lost. */
const DEADLINE_SECONDS = 20_000

/** A loop of a daemon: `create` returns one pass, `pass` is the current one, `at` the time of its next step. */
type Actor = { daemon: string; create: () => Steps; pass: Steps | null; at: number }

/**
 * Runs one schedule to its end.
 *
 * @throws Error with the seed and the violated invariant
 */
export function explore(seed: number, defect: Defect = {}): void {
  const world = createWorld(seed, defect)
  const daemons = createDaemons(world)
  for (let i = 0; i < 3; i++) daemons.start()
  for (let i = 0; i < 4; i++) upload(world, `k${i}`)
  for (let step = 0; ; step++) {
    if (world.now < FAULT_SECONDS) injectFaults(world, daemons)
    else {
      world.stopping.clear()
      if (step % 50 === 0 && isSettled(world, daemons)) return
    }
    while (world.alive.size < 2) daemons.start()
    const actor = world.random.pick(daemons.actors)
    if (actor.at <= world.now) advance(world, actor)
    world.now += world.random.between(0, 0.4)
  }
}

type Daemons = ReturnType<typeof createDaemons>

/** Creates the daemons. Each has two slots and a sweeper. */
function createDaemons(world: World) {
  let count = 0
  const actors: Actor[] = []
  return {
    actors,
    start() {
      const daemon = `d${++count}`
      world.alive.add(daemon)
      for (const create of [() => take(world, daemon), () => take(world, daemon), () => sweep(world)]) {
        actors.push({ daemon, create, pass: null, at: world.now })
      }
    },
    kill(daemon: string) {
      world.alive.delete(daemon)
      world.stopping.delete(daemon)
      for (let i = actors.length - 1; i >= 0; i--) if (actors[i]?.daemon === daemon) actors.splice(i, 1)
    },
  }
}

function advance({ random, now }: World, actor: Actor): void {
  actor.pass ??= actor.create()
  const { value, done } = actor.pass.next()
  if (done) actor.pass = null
  if (done) actor.at = now + random.between(0.5, 5)
  else if (value === 'idle') actor.at = now + random.between(1, 5)
  else actor.at = now + (random.chance(0.9) ? random.between(0, 0.3) : random.between(0, 40))
}

function injectFaults(world: World, daemons: Daemons): void {
  const { chance, between, pick } = world.random
  if (chance(0.004)) {
    daemons.kill(pick([...world.alive]))
    if (chance(0.8)) daemons.start()
  }
  if (world.alive.size === 0) return
  if (chance(0.002)) world.stopping.add(pick([...world.alive]))
  if (chance(0.01)) pick(daemons.actors).at += between(0, 300) // a long pause: SIGSTOP, garbage collection, slow S3
  if (chance(0.002)) upload(world, `k${Math.floor(between(0, 4))}`)
  if (chance(0.004)) redrive(world)
}

/** Lets an operator, or two at once, read the document of a dead job and redrive it some time later. */
function redrive(world: World): void {
  const { random, documents, redriven, work } = world
  const dead = [...documents.values()].filter(({ document }) => document.state === 'dead')
  if (dead.length === 0) return
  const { document, etag } = random.pick(dead)
  redriven.add(toDeathId(document))
  for (let copies = random.chance(0.5) ? 2 : 1; copies > 0; copies--)
    work.send({ ...document.source, redrive: document.claim }, random.chance(0.5) ? random.between(0, 300) : 0)
  if (random.chance(0.8)) write(world, { ...document, redrivenAt: String(world.now) }, etag)
}

function upload(world: World, key: string): void {
  const { chance, between } = world.random
  const n = world.unique()
  const source: Source = { bucket: 'b', key, etag: `e${n}`, sizeBytes: 1, sequencer: n.toString(16) }
  world.uploads.set(key, source)
  for (let copies = chance(0.3) ? 2 : 1; copies > 0; copies--)
    world.work.send(source, chance(0.3) ? between(0, 200) : 0)
}

function isSettled(world: World, { actors }: Daemons): boolean {
  const { documents, outputs, uploads, redriven, work, inProgress } = world
  for (const [id, { document }] of documents) {
    const claim = outputs.get(id)?.claim
    if (document.state === 'succeeded' && claim !== document.claim) {
      world.fail(`mixed: the output of ${id} has claim ${claim}, its document has claim ${document.claim}`)
    }
  }
  const open = [...uploads].filter(([id, source]) => {
    const document = documents.get(id)?.document
    return document?.source.etag !== source.etag || !isFinished(document) || redriven.has(toDeathId(document))
  })
  const messages = work.messages.size + inProgress.messages.size
  if (open.length === 0 && messages === 0 && actors.every(({ pass }) => pass === null)) return true
  if (world.now < DEADLINE_SECONDS) return false
  return world.fail(open.length > 0 ? `lost: ${open.map(([id]) => id).join(', ')}` : 'not clean: a queue is not empty')
}
