import type { Plugin } from '../vocabulary/plugin.ts'

/** A source prefix, and the chain for the sources whose keys start with it. */
export type Route = {
  /** Name of the route, for people. Optional when there is only one route. */
  readonly name?: string
  /** The key of every source of this route starts with this. */
  readonly prefix: string
  /** The chain, in order. */
  readonly plugins: readonly Plugin[]
}

/** All routes of a daemon. No two have the same prefix, but one prefix can start with another. */
export type Routes = readonly [Route, ...Route[]]

/** Returns the route with the longest prefix that `key` starts with; undefined when it is not the key of a source. */
export function findRoute(routes: readonly Route[], key: string): Route | undefined {
  return routes
    .filter(({ prefix }) => key.startsWith(prefix))
    .reduce<Route | undefined>((best, one) => (best && best.prefix.length >= one.prefix.length ? best : one), undefined)
}
