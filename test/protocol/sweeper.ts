import { decideSweep } from '../../daemon/protocol/decide.ts'
import type { InProgressMessage } from '../../daemon/protocol/messages.ts'
import { isFinished, LEASE, limits, read, toDead, write, type World } from './world.ts'
import type { Steps } from './worker.ts'

/** Handles one in-progress message like the sweeper of a daemon, with the rules of the product. */
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
  if (seen) checkNeed(world, { content, seen, action: decision.do })
  if (decision.do === 'retry') {
    work.send(content.source, decision.delaySeconds)
    yield
    return inProgress.delete(message)
  }
  yield
  if (seen && write(world, toDead(seen.document), seen.etag)) inProgress.delete(message)
  else inProgress.hide(message, 1)
}

type Action = {
  content: InProgressMessage
  seen: NonNullable<ReturnType<typeof read>>
  action: 'dead-letter' | 'retry'
}

/** Fails when the action is not needed. */
function checkNeed(world: World, { content, seen, action }: Action): void {
  const { document, ageSeconds } = seen
  if (content.claim > document.claim) return
  const fail = (reason: string) => world.fail(`needless: ${action} ${content.id}, although ${reason}`)
  if (content.claim < document.claim || content.owner !== document.owner)
    fail('a later claim has its own in-progress message')
  if (isFinished(document)) fail('it is finished')
  if (document.state === 'processing' && ageSeconds <= LEASE) fail('its lease is held')
  if (action === 'retry' && document.error?.verdict === 'reject') fail('it was rejected')
}
