import type { DaemonLog } from '../vocabulary/log.ts'

/** What a plugin, or a bug, does to the whole process, past everything that could catch it; while in use. */
export type UnhandledErrors = {
  /** Resolves with the first error that nobody caught: thrown in a callback, or of a promise that nobody waits for. */
  readonly error: Promise<unknown>
} & Disposable

/** @param tidy done when a plugin ends the process; must not wait for anything */
export function watchForUnhandledErrors(log: DaemonLog, tidy: () => void): UnhandledErrors {
  const first = Promise.withResolvers<unknown>()
  const onError = (thrown: unknown) => first.resolve(thrown)
  const onExit = (code: number) => {
    if (code === 0) process.exitCode = 1 // else whoever watches over the daemon takes it for stopped
    log.error(
      { event: 'process.exited', exitCode: code },
      'a plugin ended the process: another daemon takes over its unfinished jobs',
    )
    tidy()
  }
  process.on('uncaughtException', onError) // promises that nobody waits for end up here, too
  process.on('exit', onExit)
  return {
    error: first.promise,
    [Symbol.dispose]() {
      process.off('uncaughtException', onError)
      process.off('exit', onExit)
    },
  }
}
