/** Two within this time are one: a terminal and the `npm` in front of us may both pass Ctrl-C on. */
const SAME_MS = 100

/** SIGTERM and SIGINT, while in use. */
export type StopSignals = {
  /** Resolves at the first one. */
  readonly first: Promise<NodeJS.Signals>
  /** Resolves at the second one. */
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
