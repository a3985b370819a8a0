import { decideSweep } from '../../daemon/protocol/decide.ts'
import type { JobRecord } from '../../daemon/protocol/messages.ts'
import { isFinished, LEASE, limits, read, toDead, write, type World } from './world.ts'
import type { Steps } from './worker.ts'

/** One turn of a daemon's sweeper, with the product's own decision. */
export function* sweep(world: World): Steps {
  const { work, inProgress } = world
  const message = inProgress.receive(limits.recheckSeconds)
  if (!message) return
  yield
  const record = message.body
  const seen = read(world, record.id)
  yield
  const decision = decideSweep(record, seen, world.rules.sweep)
  if (decision.do === 'drop') return inProgress.delete(message)
  if (decision.do === 'wait') return inProgress.hide(message, decision.seconds)
  if (seen) checkNeed(world, { record, seen, what: decision.do })
  if (decision.do === 'retry') {
    work.send(record.source, decision.delaySeconds)
    yield
    return inProgress.delete(message)
  }
  yield
  if (seen && write(world, toDead(seen.document), seen.etag)) inProgress.delete(message)
  else inProgress.hide(message, 1)
}

type Act = { record: JobRecord; seen: NonNullable<ReturnType<typeof read>>; what: 'bury' | 'retry' }

function checkNeed(world: World, { record, seen, what }: Act): void {
  const { document, ageSeconds } = seen
  if (record.claim > document.claim) return
  const is = (why: string) => world.fail(`needless: ${what} ${record.id}, although ${why}`)
  if (record.claim < document.claim || record.owner !== document.owner) is('a later claim has a record of its own')
  if (isFinished(document)) is('it is over')
  if (document.state === 'processing' && ageSeconds <= LEASE) is('it is worked on')
  if (what === 'retry' && document.error?.verdict === 'reject') is('it was rejected')
}
