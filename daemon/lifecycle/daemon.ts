import { MediadError, toMessage } from '../vocabulary/errors.ts'
import type { Emit } from '../vocabulary/events.ts'
import type { HttpServer } from '../http/server.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { withReleasers, type Releasers } from '../vocabulary/releasers.ts'
import type { Poller } from '../schedule/poller.ts'

export type DaemonDeps = {
  name: string
  /** Checks the conditions for receiving the first message. Throws the first failure. */
  check(): Promise<void>
  /** Sets up the plugins; the result tears them down. */
  openPlugins(): Promise<Releasers>
  listen(): Promise<HttpServer>
  pollers: { work: Poller; sweep: Poller }
  graceSeconds: number
  /** Aborts all running jobs. The verdict of its reason applies to them, `release` at the end of the grace time. */
  stopJobs: AbortController
  emit: Emit
  log: DaemonLog
}

export type Daemon = {
  /** Starts the daemon. If it throws, everything that was started is stopped. */
  start(): Promise<{ url: string }>
  /**
   * Stops receiving, lets running jobs finish within the grace time, then releases them, and closes everything. Further
   * calls have no effect.
   *
   * @param urgent resolves when the grace time starts; default: immediately
   */
  stop(urgent?: Promise<unknown>): Promise<void>
  /** Aborts all running jobs immediately. The verdict of `reason` applies to them. */
  endJobs(reason: MediadError): void
}

/** Creates the daemon. It starts checks, plugins, HTTP server and pollers in this order and stops them in reverse. */
export function createDaemon(deps: DaemonDeps): Daemon {
  const { name, log, emit, pollers } = deps
  let releasers: Releasers | null = null
  let graceFrom: Promise<unknown> = Promise.resolve()
  return {
    async start() {
      let url = ''
      releasers = await withReleasers(async (push) => {
        await deps.check()
        const plugins = await deps.openPlugins()
        push('the plugins', () => plugins.release())
        const server = await deps.listen()
        push('the HTTP server', () => server.close())
        url = server.url
        pollers.work.start()
        pollers.sweep.start()
        push('the pollers', () => drain(deps, graceFrom))
      })
      emit({ type: 'daemon:started', owner: name })
      log.info({ event: 'daemon.started', url, daemon: name }, 'daemon started')
      return { url }
    },
    async stop(urgent: Promise<unknown> = Promise.resolve()) {
      if (releasers === null) return
      graceFrom = urgent
      await releasers.release()
      emit({ type: 'daemon:stopped', owner: name })
      log.info({ event: 'daemon.stopped', daemon: name }, 'daemon stopped')
    },
    endJobs: (reason) => deps.stopJobs.abort(reason),
  }
}

async function drain({ pollers, graceSeconds, stopJobs, log }: DaemonDeps, graceFrom: Promise<unknown>): Promise<void> {
  const { work, sweep } = pollers
  let grace: NodeJS.Timeout | undefined
  let drained = false
  void graceFrom.then(() => {
    if (drained) return
    grace = setTimeout(() => {
      log.warn(
        { event: 'daemon.grace_ended', graceSeconds },
        `jobs are still running after the grace time of ${graceSeconds} s and are released`,
      )
      stopJobs.abort(new MediadError('daemon.stopping', 'the daemon is stopping; the job returns to the work queue'))
    }, graceSeconds * 1000)
  })
  try {
    await Promise.all([work.stop(), sweep.stop()])
    await Promise.all([work.whenIdle(), sweep.whenIdle()])
  } catch (error) {
    log.error({ event: 'daemon.drain_failed', error }, `daemon could not drain: ${toMessage(error)}`)
    throw error
  } finally {
    drained = true
    clearTimeout(grace)
  }
}
