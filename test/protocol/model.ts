/**
 * A model of the queue protocol around the product's own decisions: documents with conditional writes, three
 * at-least-once queues, and daemons that pause, crash, stop and are cut off between any two calls. One seed is one
 * schedule. The rules are `daemon/protocol/decide.ts`; everything else here is weather. What is checked:
 *
 *   lost     every uploaded version ends succeeded or dead, or is superseded by a newer one that does; a death that an
 *            operator does not accept is not the end
 *   twice    no version runs again after it succeeded or was rejected, or more often than it may (but for redrives); no two daemons run one
 *            job while both hold it by their own clock
 *   mixed    the output is the one of the claim that succeeded
 *   needless nothing is done for a finished job, on behalf of an older claim, or before its backoff is over
 *   clean    work and in-progress queues end empty
 */
import type { Source } from '../../daemon/vocabulary/job.ts'
import { sweep } from './sweeper.ts'
import { take, type Steps } from './worker.ts'
import { createWorld, isFinished, toDeath, type Broken, type World } from './world.ts'

const STORM_SECONDS = 1500
const PATIENCE_SECONDS = 20_000

type Actor = { me: string; make: () => Steps; run: Steps | null; at: number }

/** Runs one schedule to its end. @throws Error that names the seed and the invariant that broke. */
export function explore(seed: number, broken: Broken = {}): void {
  const world = createWorld(seed, broken)
  const crew = createCrew(world)
  for (let i = 0; i < 3; i++) crew.start()
  for (let i = 0; i < 4; i++) upload(world, `k${i}`)
  for (let step = 0; ; step++) {
    if (world.now < STORM_SECONDS) blow(world, crew)
    else {
      world.stopping.clear()
      if (step % 50 === 0 && isOver(world, crew)) return
    }
    while (world.alive.size < 2) crew.start()
    const actor = world.dice.pick(crew.actors)
    if (actor.at <= world.now) advance(world, actor)
    world.now += world.dice.between(0, 0.4)
  }
}

type Crew = ReturnType<typeof createCrew>

/** The daemons: two slots and a sweeper each. */
function createCrew(world: World) {
  let daemons = 0
  const actors: Actor[] = []
  return {
    actors,
    start() {
      const me = `d${++daemons}`
      world.alive.add(me)
      for (const make of [() => take(world, me), () => take(world, me), () => sweep(world)]) {
        actors.push({ me, make, run: null, at: world.now })
      }
    },
    kill(me: string) {
      world.alive.delete(me)
      world.stopping.delete(me)
      for (let i = actors.length - 1; i >= 0; i--) if (actors[i]?.me === me) actors.splice(i, 1)
    },
  }
}

function advance({ dice, now }: World, actor: Actor): void {
  actor.run ??= actor.make()
  const { value, done } = actor.run.next()
  if (done) actor.run = null
  if (done) actor.at = now + dice.between(0.5, 5)
  else if (value === 'idle') actor.at = now + dice.between(1, 5)
  else actor.at = now + (dice.chance(0.9) ? dice.between(0, 0.3) : dice.between(0, 40))
}

function blow(world: World, crew: Crew): void {
  const { chance, between, pick } = world.dice
  if (chance(0.004)) {
    crew.kill(pick([...world.alive]))
    if (chance(0.8)) crew.start()
  }
  if (world.alive.size === 0) return
  if (chance(0.002)) world.stopping.add(pick([...world.alive]))
  if (chance(0.01)) pick(crew.actors).at += between(0, 300) // a long pause: SIGSTOP, garbage collection, slow S3
  if (chance(0.002)) upload(world, `k${Math.floor(between(0, 4))}`)
  if (chance(0.004)) redrive(world)
}

/** An operator, or two at once, reads a document that says dead, and sends its source some time later. */
function redrive({ dice, documents, redriven, work }: World): void {
  const dead = [...documents.values()].filter(({ document }) => document.state === 'dead')
  if (dead.length === 0) return
  const { document } = dice.pick(dead)
  redriven.add(toDeath(document))
  for (let copies = dice.chance(0.5) ? 2 : 1; copies > 0; copies--)
    work.send({ ...document.source, redrive: document.claim }, dice.chance(0.5) ? dice.between(0, 300) : 0)
}

function upload(world: World, key: string): void {
  const { chance, between } = world.dice
  const n = world.unique()
  const source: Source = { bucket: 'b', key, etag: `e${n}`, sizeBytes: 1, sequencer: n.toString(16) }
  world.uploads.set(key, source)
  for (let copies = chance(0.3) ? 2 : 1; copies > 0; copies--)
    world.work.send(source, chance(0.3) ? between(0, 200) : 0)
}

function isOver(world: World, { actors }: Crew): boolean {
  const { documents, outputs, uploads, redriven, work, inProgress } = world
  for (const [id, { document }] of documents) {
    const claim = outputs.get(id)?.claim
    if (document.state === 'succeeded' && claim !== document.claim) {
      world.fail(`mixed: the output of ${id} is of claim ${claim}, its document of claim ${document.claim}`)
    }
  }
  const open = [...uploads].filter(([id, source]) => {
    const document = documents.get(id)?.document
    return document?.source.etag !== source.etag || !isFinished(document) || redriven.has(toDeath(document))
  })
  const messages = work.messages.size + inProgress.messages.size
  if (open.length === 0 && messages === 0 && actors.every(({ run }) => run === null)) return true
  if (world.now < PATIENCE_SECONDS) return false
  return world.fail(open.length > 0 ? `lost: ${open.map(([id]) => id).join(', ')}` : 'not clean: a queue is not empty')
}
