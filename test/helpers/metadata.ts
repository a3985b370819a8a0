import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An instance metadata service, version 2 and no other, on the loopback. */
export type MetadataService = {
  readonly url: string
  /** Every request so far: `METHOD PATH STATUS`. */
  readonly requests: readonly string[]
  /** What stands under a path of `/latest/meta-data/` from now on; 404 before. */
  put(path: string, text: string): void
  /** Tokens given out so far are good for nothing any more. */
  expireTokens(): void
  /** Every answer from now on, or every one for this path, has this status; null is as usual. */
  fail(status: number | null, path?: string): void
} & AsyncDisposable

/** As EC2 answers: 400 without a time to live, 401 without a good token, 404 where nothing stands, 405 otherwise. */
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

  const server = createServer((incoming: IncomingMessage, answer: ServerResponse) => {
    const [status, body] = serve(incoming)
    requests.push(`${incoming.method} ${incoming.url} ${status}`)
    answer.writeHead(status).end(body)
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
