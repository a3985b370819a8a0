import { isIP } from 'node:net'
import type { H3Event } from 'h3'
import { createNetworks, type Networks } from '../../vocabulary/address.ts'

/** Proxies that one request can have passed through. */
const MAX_HOPS = 20

export type ReadAddress = (event: H3Event) => string

/**
 * Creates a function that returns the address of the client: that of the connection, or, if it is the one of a trusted proxy,
 * the last address in `x-forwarded-for` that is not. The entries before it can be the client's own invention.
 */
export function createReadAddress(trustProxy: readonly string[]): ReadAddress {
  const proxies = createNetworks(trustProxy)
  return (event) => {
    const peer = event.runtime?.node?.req.socket.remoteAddress ?? ''
    if (!proxies.has(peer)) return peer
    return findClient(event.req.headers.get('x-forwarded-for') ?? '', peer, proxies)
  }
}

/** Stops at an entry that is not an address: what stands before it cannot be trusted. */
function findClient(forwarded: string, peer: string, proxies: Networks): string {
  let client = peer
  for (const entry of forwarded.split(',').toReversed().slice(0, MAX_HOPS)) {
    const address = toAddress(entry.trim())
    if (isIP(address) === 0) return client
    client = address
    if (!proxies.has(address)) return client
  }
  return client
}

/** Removes a port and brackets, which some proxies add. */
function toAddress(entry: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)$/.exec(entry) ?? []
  return bracketed ?? plain ?? entry
}
