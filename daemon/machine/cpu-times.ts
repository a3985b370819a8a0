import { cpus } from 'node:os'

/** CPU time since the start of the system, of some of its CPUs, in any unit. */
export type CpuTimes = { readonly busy: number; readonly total: number; readonly count: number }

/**
 * Parses /proc/stat for the given CPUs; null if it has none of them. Waiting for a disk counts as idle; time that a hypervisor
 * gave to another machine counts as busy, because it is not available. See proc(5).
 */
export function parseCpuTimes(text: string, isAllowed: (cpu: number) => boolean): CpuTimes | null {
  const lines = [...text.matchAll(/^cpu(\d+) (.*)$/gm)].filter(([, cpu]) => isAllowed(Number(cpu)))
  if (lines.length === 0) return null
  const times = lines.map(([, , fields = '']) => {
    const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softIrq = 0, steal = 0] = fields
      .split(' ')
      .map(Number) // the time of guests, which follows, is part of `user` and `nice`
    const busy = user + nice + system + irq + softIrq + steal
    return { busy, total: busy + idle + wait }
  })
  return {
    busy: times.reduce((sum, one) => sum + one.busy, 0),
    total: times.reduce((sum, one) => sum + one.total, 0),
    count: lines.length,
  }
}

/** Returns the times of all CPUs from Node, for systems without /proc. */
export function readNodeTimes(): CpuTimes {
  const times = cpus().map((cpu) => cpu.times)
  const busy = times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0)
  return { busy, total: times.reduce((sum, { idle }) => sum + idle, busy), count: Math.max(1, times.length) }
}

/** Parses the CPUs that this process can run on, from /proc/self/status: `0-3,8`. Null if the line is missing. */
export function parseAllowedCpus(status: string): ReadonlySet<number> | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]
  if (list === undefined) return null
  const numbers = list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, n) => first + n)
  })
  return new Set(numbers)
}

/**
 * Parses the time in seconds in which at least one task waited for a CPU, from pressure stall information:
 * `some avg10=0.00 avg60=0.35 avg300=18.90 total=28796626563`. Null if the kernel does not report it.
 */
export function parsePressure(text: string): number | null {
  const microseconds = /^some .*\btotal=(\d+)$/m.exec(text)?.[1]
  return microseconds === undefined ? null : Number(microseconds) / 1e6
}
