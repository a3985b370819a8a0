import { HTTPResponse } from 'h3'

/** Creates a JSON response. Default status: 200. */
export function respondJson(body: unknown, status = 200): HTTPResponse {
  return new HTTPResponse(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
}
