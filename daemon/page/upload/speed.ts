/** Estimates the speed of one upload. */
export type Speed = {
  /** Adds a sample: the number of bytes sent so far. */
  add(sentBytes: number): void
  /** Bytes per second; null until it can be estimated. */
  read(): number | null
}

const WINDOW_MS = 10_000
const SHORTEST_MS = 1_500

/** Averages over the last seconds, so that the time that is left does not jump with each packet. */
export function createSpeed(now: () => number = () => performance.now()): Speed {
  let samples: { at: number; sentBytes: number }[] = []
  return {
    add(sentBytes) {
      const at = now()
      const last = samples.at(-1)
      // bytes that are sent again do not count
      if (last !== undefined && sentBytes < last.sentBytes) samples = []
      samples = [...samples.filter((sample) => at - sample.at <= WINDOW_MS), { at, sentBytes }]
    },
    read() {
      const [first, last] = [samples[0], samples.at(-1)]
      if (!first || !last || last.at - first.at < SHORTEST_MS) return null
      return ((last.sentBytes - first.sentBytes) / (last.at - first.at)) * 1000
    },
  }
}
