/** Signals within this time count as one: a terminal and a parent `npm` process can both send Ctrl-C to the daemon. */
const SAME_MS = 100

/** Listens for SIGTERM and SIGINT until disposed. */
export type StopSignals = {
  /** Resolves at the first signal. */
  readonly first: Promise<NodeJS.Signals>
  /** Resolves at the second signal. */
  readonly second: Promise<NodeJS.Signals>
} & Disposable

export function listenForStop(): StopSignals {
  const first = Promise.withResolvers<NodeJS.Signals>()
  const second = Promise.withResolvers<NodeJS.Signals>()
  let firstAt: number | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = performance.now()
      first.resolve(signal)
    } else if (performance.now() - firstAt > SAME_MS) second.resolve(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return {
    first: first.promise,
    second: second.promise,
    [Symbol.dispose]() {
      process.off('SIGTERM', onSignal)
      process.off('SIGINT', onSignal)
    },
  }
}
