import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request through the proxy; `target` is the SQS action, if any. */
export type ProxiedRequest = { readonly method: string; readonly path: string; readonly target: string }

export type Proxy = { readonly url: string; readonly requests: readonly ProxiedRequest[] } & AsyncDisposable

/** Starts a loopback proxy for S3 or SQS that records requests. It keeps the host header, so signatures stay valid. */
export async function startProxy(endpoint: string): Promise<Proxy> {
  const requests: ProxiedRequest[] = []
  const { hostname, port } = new URL(endpoint)
  const server = createServer((incoming, response) => {
    const { method = '', url: path = '' } = incoming
    requests.push({ method, path, target: String(incoming.headers['x-amz-target'] ?? '') })
    const forward = request({ hostname, port, path, method, headers: incoming.headers }, (forwarded) => {
      response.writeHead(forwarded.statusCode ?? 502, forwarded.headers)
      forwarded.pipe(response)
    })
    forward.on('error', () => response.destroy())
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
