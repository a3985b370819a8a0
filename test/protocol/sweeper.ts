import { decideSweep } from '../../daemon/protocol/decide.ts'
import type { InProgressMessage } from '../../daemon/protocol/messages.ts'
import { isFinished, LEASE, limits, read, toDead, write, type World } from './world.ts'
import type { Steps } from './worker.ts'

/** One turn of a daemon's sweeper, with the product's own decision. */
export function* sweep(world: World): Steps {
  const { work, inProgress } = world
  const message = inProgress.receive(limits.recheckSeconds)
  if (!message) return
  yield
  const content = message.body
  const seen = read(world, content.id)
  yield
  const decision = decideSweep(content, seen, world.rules.sweep)
  if (decision.do === 'drop') return inProgress.delete(message)
  if (decision.do === 'wait') return inProgress.hide(message, decision.seconds)
  if (seen) checkNeed(world, { content, seen, what: decision.do })
  if (decision.do === 'retry') {
    work.send(content.source, decision.delaySeconds)
    yield
    return inProgress.delete(message)
  }
  yield
  if (seen && write(world, toDead(seen.document), seen.etag)) inProgress.delete(message)
  else inProgress.hide(message, 1)
}

type Act = { content: InProgressMessage; seen: NonNullable<ReturnType<typeof read>>; what: 'dead-letter' | 'retry' }

function checkNeed(world: World, { content, seen, what }: Act): void {
  const { document, ageSeconds } = seen
  if (content.claim > document.claim) return
  const is = (why: string) => world.fail(`needless: ${what} ${content.id}, although ${why}`)
  if (content.claim < document.claim || content.owner !== document.owner)
    is('a later claim has an in-progress message of its own')
  if (isFinished(document)) is('it is over')
  if (document.state === 'processing' && ageSeconds <= LEASE) is('it is worked on')
  if (what === 'retry' && document.error?.verdict === 'reject') is('it was rejected')
}
