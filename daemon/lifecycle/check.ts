import type { Config } from '../config/config.ts'
import type { Programs } from '../programs/programs.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

export type CheckDeps = {
  config: Config
  openPrograms: () => Promise<Programs>
  storage: Storage
  queues: Queues
  log: DaemonLog
}

export type Check = {
  readonly name: string
  /**
   * Returns a description of what was found; throws a MediadError if a daemon cannot start. `warn` receives problems that
   * should be corrected although a daemon can start.
   */
  run(warn: (message: string) => void): Promise<string>
}

/** Starts checks now, for a later run to report their results: meanwhile, other work can go on. */
export function startChecks(checks: readonly Check[]): Check[] {
  return checks.map(({ name, run }) => {
    const warnings: string[] = []
    const running = run((message) => warnings.push(message))
    running.catch(() => undefined) // the later run throws it
    return {
      name,
      async run(warn) {
        try {
          return await running
        } finally {
          warnings.forEach(warn)
        }
      },
    }
  })
}

/**
 * Runs all checks concurrently, and logs their results in the order of the checks.
 *
 * @throws the first failure, in the order of the checks, when all checks have finished.
 */
export async function runChecks(checks: readonly Check[], log: DaemonLog): Promise<void> {
  const warn = (message: string) => log.warn({ event: 'check.warned' }, message)
  const results = await Promise.allSettled(checks.map(async (check) => await check.run(warn)))
  for (const [index, result] of results.entries()) {
    if (result.status === 'rejected') throw result.reason
    const check = checks[index]?.name
    log.debug({ event: 'check.passed', check, result: result.value }, `check passed: ${check}: ${result.value}`)
  }
}
