import type { Server } from 'node:http'
import { isIPv6, type AddressInfo } from 'node:net'
import { MediadError, toMessage, type ErrorCode } from '../vocabulary/errors.ts'

/** An address to listen on, and how to speak of it to the user. */
export type Address = {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** What will listen there: `the local S3`. */
  readonly what: string
  /** The option that chooses the port. */
  readonly option: string
}

/** Starts a server; resolves with its port. */
export async function listen(server: Server, { host, port }: Pick<Address, 'host' | 'port'>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port, exclusive: true }, resolve)
  await promise
  server.off('error', reject)
  return (server.address() as AddressInfo).port
}

/** What to tell the user when nothing can listen at `address`. */
export function toListenError(code: ErrorCode, { host, port, what, option }: Address, cause: unknown): MediadError {
  const busy = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
  const why = busy ? 'something else uses it; end that, or' : `${toMessage(cause)};`
  const message = `${what} cannot listen on port ${port} of ${host}: ${why} choose another port with ${option} (0 takes any)`
  return new MediadError(code, message, { cause })
}

/** The URL a client on this machine uses for a server that listens at `host`. */
export function toEndpoint(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`
}
