import type { Identity } from '../../vocabulary/identity.ts'

/**
 * Returns whether a client can see an upload and its job. `owner` is the id of the identity that uploaded the source; null
 * when it has none. Without authorization (`identity` null) every job is visible; with it, only the client's own.
 */
export function isVisible(identity: Identity | null, owner: string | null): boolean {
  return identity === null || identity.id === owner
}
