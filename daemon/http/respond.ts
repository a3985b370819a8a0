import { HTTPResponse } from 'h3'

/** Creates a JSON response. Default status: 200. */
export function respondJson(body: unknown, status = 200): HTTPResponse {
  return respondText(JSON.stringify(body), status)
}

/** Like {@link respondJson}, with text that is JSON. */
export function respondText(json: string, status = 200): HTTPResponse {
  return new HTTPResponse(json, { status, headers: { 'content-type': 'application/json' } })
}
