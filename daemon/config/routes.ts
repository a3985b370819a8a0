import type { Route, Routes } from '../protocol/route.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import type { Problem } from '../vocabulary/validation/validation.ts'

/** Converts `source` and `plugins` of the config to routes. Currently, there is exactly one. */
export function toRoutes({ source, plugins }: { source: { prefix: string }; plugins: readonly Plugin[] }): Routes {
  return [{ prefix: source.prefix, plugins }]
}

/** Reports routes with equal prefixes, because a key would not determine the chain. */
export function findAmbiguousRoutes(routes: readonly Route[]): Problem[] {
  return routes.flatMap(({ prefix }, index): Problem[] => {
    const first = routes.findIndex((route) => route.prefix === prefix)
    return first === index
      ? []
      : [{ path: ['routes', index], message: `has the same prefix "${prefix}" as routes[${first}]` }]
  })
}
