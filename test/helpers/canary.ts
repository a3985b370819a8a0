import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeVideo } from './media.ts'

/** An address and a file that no program under test may access. The file is a valid video, so opening it would succeed. */
export type CanaryCage = {
  readonly url: string
  readonly file: string
  /** Number of TCP connections so far. */
  connections(): number
} & AsyncDisposable

export async function openCanaryCage(folder: string): Promise<CanaryCage> {
  let connections = 0
  const server = createServer((_, response) => response.end('#EXTM3U\n')).on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const file = join(folder, 'canary-secret.mp4')
  await makeVideo(file)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    file,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
