import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type RegistryOptions = {
  /** Such as `@acme/media`. */
  name: string
  version: string
  tarball: Buffer
  token: string
}

export type Registry = { readonly host: string; readonly requests: readonly IncomingMessage[] } & AsyncDisposable

/**
 * Starts an npm registry with one package under `/team/`, which only requests with the token can read, and Parameter Store at
 * `/`, which returns the token. It does not check the signature of the request for the token.
 */
export async function startRegistry({ name, version, tarball, token }: RegistryOptions): Promise<Registry> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    if (request.method === 'POST') return send(response, 200, JSON.stringify({ Parameter: { Value: token } }))
    if (request.headers.authorization !== `Bearer ${token}`) return send(response, 401, '{}')
    if (request.url?.endsWith('.tgz')) return send(response, 200, tarball)
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const dist = { tarball: `http://${request.headers.host}/team/package.tgz`, integrity }
    const versions = { [version]: { name, version, dist } }
    return send(response, 200, JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function send(response: ServerResponse, status: number, body: string | Buffer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}
