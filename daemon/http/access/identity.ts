import type { H3Event } from 'h3'
import type { Identity } from '../../vocabulary/identity.ts'

const identities = new WeakMap<H3Event, Identity>()

/** Records who sent a request, before its route runs. */
export function setIdentity(event: H3Event, identity: Identity): void {
  identities.set(event, identity)
}

/** Returns who sent a request; null when the config authorizes no requests. */
export function readIdentity(event: H3Event): Identity | null {
  return identities.get(event) ?? null
}
