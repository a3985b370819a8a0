import { MediadError, toMessage } from '../vocabulary/errors.ts'
import type { Emit } from '../vocabulary/events.ts'
import type { HttpServer } from '../http/server.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { withReleasers, type Releasers } from '../vocabulary/releasers.ts'
import type { Poller } from '../schedule/poller.ts'

export type DaemonDeps = {
  name: string
  /** What must be true before the first message is taken. Throws what is not. */
  check(): Promise<void>
  /** Sets up the plugins; what it returns tears them down. */
  openPlugins(): Promise<Releasers>
  listen(): Promise<HttpServer>
  pollers: { work: Poller; sweep: Poller }
  graceSeconds: number
  /** Aborted when running jobs are to end at once; their verdict is then `release`. */
  stopJobs: AbortController
  emit: Emit
  log: DaemonLog
}

export type Daemon = {
  /** @throws whatever keeps it from starting; then everything it had got is released */
  start(): Promise<{ url: string }>
  /**
   * Receives nothing more, lets running jobs finish within the grace time, then releases them, and gives everything back.
   * Calling it again changes nothing.
   *
   * @param urgent when the grace time begins; default: at once
   */
  stop(urgent?: Promise<unknown>): Promise<void>
  /** Ends every running job at once; the verdict of `reason` says what becomes of them. */
  endJobs(reason: MediadError): void
}

/** Starts the parts in order and stops them in reverse. */
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
        `jobs still run after the grace time of ${graceSeconds} s, they are released`,
      )
      stopJobs.abort(new MediadError('daemon.stopping', 'the daemon stops; the job goes back to the work queue'))
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
