/**
 * Polls `probe` until it returns a truthy value, and returns that value.
 * @param seconds time limit, 90 by default, long enough for a machine several times slower than usual
 * @throws Error with `what` at the time limit
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, seconds = 90): Promise<NonNullable<T>> {
  const start = performance.now()
  const end = start + seconds * 1000
  for (;;) {
    const value = await probe()
    if (value) return value
    if (performance.now() > end) throw new Error(`gave up after ${seconds} s of waiting until ${what}`)
    // many probes send requests, so the pause grows with the time waited
    const waitedMs = performance.now() - start
    await new Promise((resolve) => setTimeout(resolve, Math.min(500, 20 + waitedMs / 20)))
  }
}
