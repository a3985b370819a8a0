/**
 * Waits until `probe` gives something truthy, and returns it. For what has no event to wait for.
 * @throws Error that names `what` when it has not come true within `seconds` (60).
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, seconds = 60): Promise<NonNullable<T>> {
  const end = performance.now() + seconds * 1000
  for (;;) {
    const value = await probe()
    if (value) return value
    if (performance.now() > end) throw new Error(`gave up after ${seconds} s waiting until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
