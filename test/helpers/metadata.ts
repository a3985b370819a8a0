import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An EC2 instance metadata service (version 2 only) on the loopback interface. */
export type MetadataService = {
  readonly url: string
  /** Every request so far, as `METHOD PATH STATUS`. */
  readonly requests: readonly string[]
  /** Sets the text of a path below `/latest/meta-data/`. Other paths respond with 404. */
  put(path: string, text: string): void
  /** Invalidates all tokens issued so far. */
  expireTokens(): void
  /** Responds with this status to every request, or to those for `path`. Null ends that. */
  fail(status: number | null, path?: string): void
} & AsyncDisposable

/** Responds as EC2 does: 400 without a valid TTL, 401 without a valid token, 404 for unknown paths, 405 for other methods. */
export async function startMetadata(): Promise<MetadataService> {
  const requests: string[] = []
  const texts = new Map<string, string>()
  const tokens = new Set<string>()
  let failure: { status: number; path: string } | null = null

  function serve({ method = '', url = '', headers }: IncomingMessage): [status: number, body: string] {
    if (failure !== null && url.endsWith(failure.path)) return [failure.status, '']
    if (url === '/latest/api/token') {
      if (method !== 'PUT') return [405, '']
      const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds'])
      if (!(seconds >= 1 && seconds <= 21_600)) return [400, '']
      const token = `token-${requests.length}`
      tokens.add(token)
      return [200, token]
    }
    if (method !== 'GET') return [405, '']
    if (!tokens.has(String(headers['x-aws-ec2-metadata-token']))) return [401, '']
    const text = texts.get(url.replace('/latest/meta-data/', ''))
    return text === undefined ? [404, '<html>404 - Not Found</html>'] : [200, text]
  }

  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    const [status, body] = serve(incoming)
    requests.push(`${incoming.method} ${incoming.url} ${status}`)
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    put: (path, text) => void texts.set(path, text),
    expireTokens: () => tokens.clear(),
    fail(status, path = '') {
      failure = status === null ? null : { status, path }
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
