import { stat } from 'node:fs/promises'
import type { Probe } from '../vocabulary/media.ts'

type Inspect = (path: string, signal: AbortSignal) => Promise<Probe>

/**
 * Inspects each file once for as long as it does not change: a start of ffprobe takes a tenth of a second and more of CPU
 * time, and a plugin usually inspects its result before it adds it. A change is recognised by inode, size and time of the
 * last modification.
 */
export function inspectOnce(inspect: Inspect): Inspect {
  const known = new Map<string, { stamp: string; probe: Probe }>()
  return async (path, signal) => {
    const stamp = await readStamp(path)
    const found = known.get(path)
    if (stamp !== null && found?.stamp === stamp) return found.probe
    const probe = await inspect(path, signal)
    if (stamp !== null) known.set(path, { stamp, probe })
    return probe
  }
}

/** Returns null for a file that cannot be read: ffprobe reports it. */
async function readStamp(path: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs } = await stat(path, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch {
    return null
  }
}
