/**
 * Waits until `probe` gives something truthy, and returns it. For what has no event to wait for.
 * @throws Error that names `what` when it has not come true within `seconds` (90): a safety net, for machines several times
 * slower than most.
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, seconds = 90): Promise<NonNullable<T>> {
  const start = performance.now()
  const end = start + seconds * 1000
  for (;;) {
    const value = await probe()
    if (value) return value
    if (performance.now() > end) throw new Error(`gave up after ${seconds} s waiting until ${what}`)
    // many probes ask a server: what has not come at once is asked for less often
    const waitedMs = performance.now() - start
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, 20 + waitedMs / 20)))
  }
}
