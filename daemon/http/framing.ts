import type { H3Event } from 'h3'
import { problemError } from './problem.ts'

/**
 * Rejects requests that a server in front can understand in another way than Node, and bodies that would have to be decoded:
 * a compressed one can be much larger than it seems.
 *
 * @throws HTTPError 400, 415
 */
export function rejectAmbiguous({ req, runtime }: H3Event): void {
  const node = runtime?.node?.req
  const transfer = req.headers.get('transfer-encoding')
  if (transfer !== null && transfer.toLowerCase() !== 'chunked') throw toInvalid('transfer-encoding: must be chunked')
  if (node && node.httpVersionMajor < 1) throw toInvalid('The version of HTTP must be 1.0 or 1.1.')
  const hosts = node ? countHosts(node.rawHeaders) : 1
  if (hosts > 1 || (hosts === 0 && node?.httpVersion !== '1.0')) throw toInvalid('host: must be sent once')
  const encoding = req.headers.get('content-encoding')
  if (encoding === null || encoding.toLowerCase() === 'identity') return
  const detail = 'content-encoding: compressed bodies are not accepted'
  const headers = { 'accept-encoding': 'identity' }
  throw problemError({ status: 415, detail, code: 'request.content_encoding', headers })
}

const toInvalid = (detail: string) => problemError({ status: 400, detail, code: 'request.invalid' })

/** Raw headers are names and values in turn. */
function countHosts(rawHeaders: readonly string[]): number {
  return rawHeaders.filter((name, index) => index % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host')
    .length
}
