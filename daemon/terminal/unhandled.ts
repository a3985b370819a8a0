import type { DaemonLog } from '../vocabulary/log.ts'

/** Watches the process for unhandled errors, of a plugin or a bug, until disposed. */
export type UnhandledErrors = {
  /** Resolves with the first unhandled error: thrown in a callback, or the rejection of a promise that is not awaited. */
  readonly error: Promise<unknown>
} & Disposable

/** @param cleanUp called if a plugin ends the process; it must be synchronous */
export function watchForUnhandledErrors(log: DaemonLog, cleanUp: () => void): UnhandledErrors {
  const first = Promise.withResolvers<unknown>()
  const onError = (thrown: unknown) => first.resolve(thrown)
  const onExit = (code: number) => {
    if (code === 0) process.exitCode = 1 // or a service manager would take this for a regular stop
    log.error(
      { event: 'process.exited', exitCode: code },
      'a plugin ended the process: another daemon takes over its unfinished jobs',
    )
    cleanUp()
  }
  process.on('uncaughtException', onError) // also called for unhandled rejections
  process.on('exit', onExit)
  return {
    error: first.promise,
    [Symbol.dispose]() {
      process.off('uncaughtException', onError)
      process.off('exit', onExit)
    },
  }
}
