import type { Server } from 'node:http'
import { isIPv6, type AddressInfo } from 'node:net'
import { MediadError, toMessage, type ErrorCode } from '../vocabulary/errors.ts'

/** An address to listen on, and the words for it in error messages. */
export type Address = {
  readonly host: string
  /** 0 selects a free port. */
  readonly port: number
  /** Name of the server: `the embedded S3`. */
  readonly server: string
  /** Name of the option for the port: `--s3-port`. */
  readonly option: string
}

/** Starts a server and resolves with its port. */
export async function listen(server: Server, { host, port }: Pick<Address, 'host' | 'port'>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port, exclusive: true }, resolve)
  await promise
  server.off('error', reject)
  return (server.address() as AddressInfo).port
}

/** Returns the error for a server that cannot listen at its address. */
export function toListenError(code: ErrorCode, { host, port, server, option }: Address, cause: unknown): MediadError {
  const isInUse = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
  const reason = isInUse
    ? 'the port is in use. Stop the process that uses it, or choose'
    : `${toMessage(cause)}. Choose`
  const message = `${server} cannot listen on port ${port} of ${host}: ${reason} another port with ${option} (0 selects a free port)`
  return new MediadError(code, message, { cause })
}

/** Returns the URL of a server that listens at `host`, for clients on this machine. */
export function toEndpoint(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `http://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`
}
