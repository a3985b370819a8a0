import type { EventHandler, HTTPResponse } from 'h3'
import type { JobDocument } from '../../vocabulary/job.ts'
import { readIdentity } from '../access/identity.ts'
import { respondJson } from '../respond.ts'
import { findById, findByKey, type FindDeps } from './find.ts'
import { addUrls, parseUrls, type UrlDeps } from './output-urls.ts'
import { toPublic, toQueued } from './public.ts'

export type JobDeps = UrlDeps & FindDeps

/** `GET /video/:id`: the public part of a job document. */
export function jobHandler(deps: JobDeps): EventHandler {
  return async (event) => {
    const withUrls = parseUrls(event, deps.config)
    const document = await findById(deps, event.context.params?.id ?? '', readIdentity(event))
    return await respondWith(document, withUrls, deps)
  }
}

/** `GET /video?key=…`: like {@link jobHandler}, but an upload that no daemon has claimed yet is `queued`. */
export function keyHandler(deps: JobDeps): EventHandler {
  return async (event) => {
    const withUrls = parseUrls(event, deps.config)
    const found = await findByKey(deps, event.url, readIdentity(event))
    if (found.document !== null) return await respondWith(found.document, withUrls, deps)
    return respondJson(toQueued(found.id, found.source))
  }
}

async function respondWith(document: JobDocument, withUrls: boolean, deps: UrlDeps): Promise<HTTPResponse> {
  const body = toPublic(document)
  return respondJson(withUrls ? await addUrls(body, deps) : body)
}
