import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that came by; `target` is the SQS action, where it is one. */
export type Passed = { readonly method: string; readonly path: string; readonly target: string }

export type Proxy = { readonly url: string; readonly requests: readonly Passed[] } & AsyncDisposable

/** A loopback proxy in front of S3 or SQS that remembers what came by. The host header passes, so signatures stay good. */
export async function startProxy(endpoint: string): Promise<Proxy> {
  const requests: Passed[] = []
  const { hostname, port } = new URL(endpoint)
  const server = createServer((incoming, answer) => {
    const { method = '', url: path = '' } = incoming
    requests.push({ method, path, target: String(incoming.headers['x-amz-target'] ?? '') })
    const forward = request({ hostname, port, path, method, headers: incoming.headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(answer)
    })
    forward.on('error', () => answer.destroy())
    incoming.pipe(forward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
