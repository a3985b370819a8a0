import { readdirSync, readFileSync } from 'node:fs'

/** CPU time of a process tree in seconds. */
export type Cpu = {
  /** Of the process itself. */
  readonly own: number
  /** Of its descendants, those that have ended included. */
  readonly children: number
}

/** Clock ticks per second in `/proc`: `sysconf(_SC_CLK_TCK)` is 100 on every Linux that Node runs on. */
const TICKS = 100

/** Reads the CPU time of a process and its descendants. A descendant counts when its parent has waited for it, or while it runs. */
export function readCpu(pid: number): Cpu {
  const { own, ended } = readTimes(pid)
  const running = findDescendants(pid).map((child) => readTimes(child))
  return { own, children: running.reduce((sum, times) => sum + times.own + times.ended, ended) }
}

export function subtractCpu(after: Cpu, before: Cpu): Cpu {
  return { own: after.own - before.own, children: after.children - before.children }
}

/** Reads the resident set of a process in bytes; `peak` is the highest since it started. */
export function readRss(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { now: read('VmRSS'), peak: read('VmHWM') }
}

/** Returns the fields of `/proc/PID/stat` behind the name, which can contain spaces: see proc_pid_stat(5). */
const toFields = (stat: string): string[] => stat.split(') ').at(-1)?.split(' ') ?? []

function readFields(pid: number): string[] | null {
  try {
    return toFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return null // it has ended
  }
}

/** Returns the CPU time of the ended children of a process, by the text of its `/proc/PID/stat`. */
export const toChildrenSeconds = (stat: string): number => toTimes(toFields(stat)).ended

const readTimes = (pid: number) => toTimes(readFields(pid) ?? [])

function toTimes(fields: readonly string[]): { own: number; ended: number } {
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number)
  return { own: (user + system) / TICKS, ended: (endedUser + endedSystem) / TICKS }
}

/** Kills the descendants of this process. */
export function killDescendants(): void {
  for (const pid of findDescendants(process.pid)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it has ended
    }
  }
}

function findDescendants(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? readFields(Number(name))?.[1] : undefined
    if (parent !== undefined) parents.set(Number(name), Number(parent))
  }
  const isDescendant = (child: number): boolean => {
    const parent = parents.get(child)
    return parent !== undefined && (parent === pid || isDescendant(parent))
  }
  return [...parents.keys()].filter(isDescendant)
}
