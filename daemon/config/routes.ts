import type { Route, Routes } from '../protocol/route.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import type { Problem } from '../vocabulary/validation.ts'

/** Resolves `source` and `plugins` of the config into routes: today, exactly one. */
export function toRoutes({ source, plugins }: { source: { prefix: string }; plugins: readonly Plugin[] }): Routes {
  return [{ prefix: source.prefix, plugins }]
}

/** Reports routes with equal prefixes: their keys would not say which chain applies. */
export function findAmbiguousRoutes(routes: readonly Route[]): Problem[] {
  return routes.flatMap(({ prefix }, index): Problem[] => {
    const first = routes.findIndex((route) => route.prefix === prefix)
    return first === index
      ? []
      : [{ path: ['routes', index], message: `has the prefix "${prefix}" of routes[${first}]` }]
  })
}
