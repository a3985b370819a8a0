import type { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Config } from '../../config/config.ts'
import { problemError } from '../problem.ts'

/** What a request counts for: `uploads` for one that creates an upload. */
export type Budget = 'uploads' | 'requests'

export type Limits = {
  /**
   * Takes one request from the budget of a client. The name of a client starts with its kind: `identity …`, `address …`.
   *
   * @throws HTTPError 429 if nothing is left
   */
  take(budget: Budget, client: string): Promise<void>
}

const WINDOW_SECONDS = 60
/**
 * Further clients in a minute share one budget, so that memory is bounded. Addresses and identities are counted apart: everyone
 * can send requests from many addresses, and must not take the budgets of clients with an identity by that.
 */
const MAX_CLIENTS = 10_000

/** Creates the budgets. They are those of this process: a client has them once for each daemon. */
export function createLimits(
  { uploadsPerMinute, requestsPerMinute }: Config['http']['rateLimit'],
  maxClients = MAX_CLIENTS,
): Limits {
  const budgets = {
    uploads: createBudget(uploadsPerMinute, maxClients),
    requests: createBudget(requestsPerMinute, maxClients),
  }
  return {
    async take(budget, client) {
      const waitMs = await budgets[budget](client)
      if (waitMs === 0) return
      const seconds = Math.max(1, Math.ceil(waitMs / 1000))
      const detail = `Too many ${budget === 'uploads' ? 'uploads' : 'requests'}. Try again in ${seconds} s.`
      const headers = { 'retry-after': String(seconds) }
      throw problemError({ status: 429, detail, code: 'request.rate_limited', headers })
    },
  }
}

/** Takes one from the budget of a client; returns 0, or the milliseconds until there is something left. */
type TakeOne = (client: string) => Promise<number>

function createBudget(points: number, maxClients: number): TakeOne {
  if (points === 0) return async () => 0
  const toKey = createKeys(maxClients)
  let opening: Promise<RateLimiterMemory> | undefined
  return async (client) => {
    const limiter = await (opening ??= openLimiter(points))
    try {
      await limiter.consume(toKey(client))
      return 0
    } catch (refused) {
      if (refused instanceof Error) throw refused
      return (refused as RateLimiterRes).msBeforeNext
    }
  }
}

/** Loads the package with the first request that is counted. */
async function openLimiter(points: number): Promise<RateLimiterMemory> {
  const { RateLimiterMemory } = await import('rate-limiter-flexible')
  return new RateLimiterMemory({ points, duration: WINDOW_SECONDS })
}

/**
 * Creates a function that returns the key of a client. The limiter forgets a key a minute after its first use, so it has at
 * most twice `maxClients` of a kind at once.
 */
function createKeys(maxClients: number): (client: string) => string {
  const known = new Map<string, Set<string>>()
  let since = performance.now()
  return (client) => {
    if (performance.now() - since >= WINDOW_SECONDS * 1000) {
      known.clear()
      since = performance.now()
    }
    const kind = client.slice(0, client.indexOf(' ') + 1)
    const clients = known.get(kind) ?? new Set()
    known.set(kind, clients)
    if (clients.size >= maxClients && !clients.has(client)) return `others ${kind}`
    clients.add(client)
    return client
  }
}
