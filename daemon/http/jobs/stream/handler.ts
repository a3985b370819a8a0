import { HTTPResponse, type EventHandler, type H3Event } from 'h3'
import { isLoopback, toClientNetwork } from '../../../vocabulary/address.ts'
import type { Config } from '../../../config/config.ts'
import type { Identity } from '../../../vocabulary/identity.ts'
import type { JobDocument } from '../../../vocabulary/job.ts'
import { createReadAddress } from '../../access/address.ts'
import { readIdentity } from '../../access/identity.ts'
import { isVisible } from '../../access/ownership.ts'
import { findById, findByKey, type FindDeps } from '../find.ts'
import { toPublic, toQueued, type QueuedSource } from '../public.ts'
import { toJobEvents } from './events.ts'
import { parseMark } from './mark.ts'
import { createJobStream } from './stream.ts'
import type { Streams } from './streams.ts'
import type { Watches } from './watch.ts'

export type EventsDeps = FindDeps & {
  config: Pick<Config, 'bucket' | 'http' | 'routes'>
  watches: Watches
  streams: Streams
}

type Followed =
  | { readonly id: string; readonly document: JobDocument }
  | { readonly id: string; readonly document: null; readonly source: QueuedSource }

/** `GET /video/:id/events`: what happens to a job, as Server-Sent Events. */
export function eventsHandler(deps: EventsDeps): EventHandler {
  const respond = createRespond(deps)
  return async (event) => {
    const identity = readIdentity(event)
    const id = event.context.params?.id ?? ''
    return respond(event, { id, document: await findById(deps, id, identity) })
  }
}

/** `GET /video/events?key=…`: like {@link eventsHandler}, from the upload on. */
export function keyEventsHandler(deps: EventsDeps): EventHandler {
  const respond = createRespond(deps)
  return async (event) => respond(event, await findByKey(deps, event.url, readIdentity(event)))
}

function createRespond({ config, watches, streams }: EventsDeps) {
  const toClient = createToClient(config.http)
  return (event: H3Event, followed: Followed): HTTPResponse => {
    const { id, document: first } = followed
    const before = parseMark(event.req.headers.get('last-event-id'))
    // the status with which a browser stops to reconnect: the client knows the end
    if (before !== null && isFinished(first) && toJobEvents(before, first).length === 0)
      return new HTTPResponse(null, { status: 204 })
    const identity = readIdentity(event)
    const toData = (document: JobDocument | null) => JSON.stringify(document ? toPublic(document) : toUpload(followed))
    const stream = streams.open(toClient(event, identity), (remove) => {
      const created = createJobStream({
        before,
        first,
        toData,
        isVisible: ({ identity: owner }) => owner === undefined || isVisible(identity, owner),
        onEnd() {
          unwatch()
          remove()
        },
      })
      const unwatch = watches.watch(id, created)
      return created
    })
    // X-Accel-Buffering: nginx would hold events back otherwise
    return new HTTPResponse(stream.body, {
      headers: { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' },
    })
  }
}

function isFinished(document: JobDocument | null): boolean {
  return document?.state === 'succeeded' || (document?.state === 'dead' && document.redrivenAt === undefined)
}

function toUpload(followed: Followed) {
  if (followed.document !== null) throw new Error(`job ${followed.id} has a document`)
  return toQueued(followed.id, followed.source)
}

/**
 * Creates a function that identifies a client for the limit of its streams: by its identity, otherwise by its network. Null for
 * programs on this machine, such as a proxy whose clients are not known: only the limit of all clients applies to them.
 */
function createToClient({ trustProxy }: Pick<Config['http'], 'trustProxy'>) {
  const readAddress = createReadAddress(trustProxy)
  return (event: H3Event, identity: Identity | null): string | null => {
    if (identity !== null) return `identity ${identity.id}`
    const address = readAddress(event)
    return isLoopback(address) ? null : `address ${toClientNetwork(address)}`
  }
}
