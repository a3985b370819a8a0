import type { DaemonLog } from '../vocabulary/log.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { withReleasers, type Releasers } from '../vocabulary/releasers.ts'

/**
 * Sets up the plugins in order, each once even if several chains contain it. Releasing tears them down in reverse order.
 * If a setup fails, the plugins before it are torn down and the error is thrown.
 */
export function openPlugins(plugins: Iterable<Plugin>, log: DaemonLog): Promise<Releasers> {
  return withReleasers(async (push) => {
    for (const { name, hooks } of new Set(plugins)) {
      await hooks.setup?.({ log: log.child({ plugin: name }) })
      push(`plugin ${name}`, async () => hooks.teardown?.())
    }
  })
}
