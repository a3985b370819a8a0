const NAME = 'mediad.slot'
const MOST_TABS = 50
/** The lock of a page that is loaded again is released a moment after the new page has started. */
const RELOAD_MS = 1_000

/**
 * Returns the name under which this tab remembers its uploads. No two open tabs have the same one, or a tab would continue the
 * uploads of another. A tab that is loaded again has the same name as before, and a new one the first that is free, so it
 * continues the uploads of a tab that was closed.
 */
export async function claimSlot(storage: globalThis.Storage): Promise<string> {
  const known = storage.getItem(NAME)
  const slot = (known !== null && (await claim(known, RELOAD_MS)) ? known : null) ?? (await claimFirst())
  storage.setItem(NAME, slot)
  return slot
}

async function claimFirst(): Promise<string> {
  for (let number = 1; number <= MOST_TABS; number++) {
    const name = `mediad-${number}`
    if (await claim(name)) return name
  }
  return `mediad-${crypto.getRandomValues(new Uint32Array(1)).join('')}`
}

/**
 * Takes a lock for as long as the page is open; returns false if another tab has it.
 *
 * @param waitMs time to wait for it; default: none
 */
function claim(name: string, waitMs = 0): Promise<boolean> {
  const { locks } = navigator as { locks?: LockManager }
  // only pages from this machine or over HTTPS have locks
  if (!locks) return Promise.resolve(true)
  return new Promise((resolve) => {
    const hold = (lock: Lock | null) => {
      resolve(lock !== null)
      return lock === null ? undefined : new Promise(() => undefined)
    }
    const options = waitMs > 0 ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true }
    locks.request(`${name}-uploads`, options, hold).catch(() => resolve(false))
  })
}
