import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeVideo } from './media.ts'

/** An address and a file that nobody may touch. The file is a film, so that whoever opens it would get on well with it. */
export type CanaryCage = {
  readonly url: string
  readonly file: string
  /** How many connections there were: a TCP handshake is one, whatever is said then. */
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
