import type { Plugin } from '../vocabulary/plugin.ts'

/** A source prefix and the chain for the sources below it. */
export type Route = {
  /** Names the route for people; the only route needs no name. */
  readonly name?: string
  /** Starts the key of every source of this route. */
  readonly prefix: string
  /** The chain, in order. */
  readonly plugins: readonly Plugin[]
}

/** All routes of a daemon. No two have the same prefix; one prefix may start with another. */
export type Routes = readonly [Route, ...Route[]]

/** Returns the route with the longest prefix that `key` starts with; undefined when the key is not that of a source. */
export function findRoute(routes: readonly Route[], key: string): Route | undefined {
  return routes
    .filter(({ prefix }) => key.startsWith(prefix))
    .reduce<Route | undefined>((best, one) => (best && best.prefix.length >= one.prefix.length ? best : one), undefined)
}
