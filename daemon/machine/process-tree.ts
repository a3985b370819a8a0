import type { ReadText } from './text.ts'

/** A tick is a hundredth of a second on every Linux. */
const TICKS_PER_SECOND = 100

/**
 * Reads the CPU time in seconds of a process and each of its descendants, by process id; null without /proc. The time of a
 * process includes that of its children that have ended. See proc(5).
 */
export async function readCpuSeconds(read: ReadText, processId: number): Promise<Map<number, number> | null> {
  const found = await readTree(read, processId, 'stat')
  const times = [...found].flatMap(([id, stat]): [number, number][] => {
    const seconds = parseCpuSeconds(stat)
    return seconds === null ? [] : [[id, seconds]]
  })
  return times.length === 0 ? null : new Map(times)
}

/** Reads the memory in bytes that the descendants of a process have in RAM, shared pages included; null without /proc. */
export async function readChildMemory(read: ReadText, processId: number): Promise<number | null> {
  const found = await readTree(read, processId, 'status')
  if (found.size === 0) return null
  found.delete(processId)
  return [...found.values()].reduce((bytes, status) => bytes + parseMemory(status), 0)
}

/** Reads a file in /proc of a process and of each of its descendants, by process id. */
async function readTree(read: ReadText, processId: number, file: string): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  await visit(processId)
  return found

  async function visit(id: number): Promise<void> {
    const [text, children] = await Promise.all([
      read(`/proc/${id}/${file}`),
      read(`/proc/${id}/task/${id}/children`), // Node starts processes from its main thread
    ])
    if (text === null) return // it has just ended
    found.set(id, text)
    await Promise.all((children ?? '').split(' ').filter(Boolean).map(Number).map(visit))
  }
}

/** Parses /proc/PID/stat. The name of the program, in parentheses, can contain spaces and parentheses. */
export function parseCpuSeconds(stat: string): number | null {
  const end = stat.lastIndexOf(')')
  if (end === -1) return null
  // after the name: state is field 3; utime, stime, cutime and cstime are fields 14 to 17
  const times = stat
    .slice(end + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number)
  const ticks = times.reduce((sum, time) => sum + time, 0)
  return times.length === 4 && Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : null
}

/** Parses the memory in RAM from /proc/PID/status; 0 for a process that has ended. */
export function parseMemory(status: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
