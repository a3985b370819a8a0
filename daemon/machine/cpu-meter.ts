import { findCpuGroup, type CpuGroup } from './cgroup.ts'
import { parseAllowedCpus, parseCpuTimes, parsePressure, readNodeTimes, type CpuTimes } from './cpu-times.ts'
import { readCpuSeconds } from './process-tree.ts'
import { readSystemText, type ReadText } from './text.ts'

/** What the CPUs did since the last measurement. Shares are of the available CPUs, from 0 to 1. */
export type CpuUse = {
  readonly seconds: number
  /** Share that was in use, by any process, or not available for another reason. */
  readonly use: number
  /** Share that this process and its descendants used; null where it is not known. */
  readonly own: number | null
  /** Number of descendants that used the CPU; null where it is not known. */
  readonly busy: number | null
  /** Share of the time in which a task waited for a CPU; null if the kernel does not report it. */
  readonly pressure: number | null
}

export type CpuMeter = {
  /** CPUs that this process can use, by its affinity and the limit of its control group; not always an integer. */
  readonly cpus: number
  /** CPUs of the machine. */
  readonly machineCpus: number
  /** File with the pressure stall information; null if the kernel does not report it. */
  readonly pressurePath: string | null
  /** Measures since the last call; the first one since the meter was opened. */
  measure(): Promise<CpuUse>
}

export type CpuMeterOptions = {
  read?: ReadText
  /** Milliseconds of a monotonic clock. */
  now?: () => number
  processId?: number
}

const SYSTEM_PRESSURE = '/proc/pressure/cpu'
/** CPU time per second from which a process counts as busy: one that only waits uses less. */
const BUSY_SHARE = 0.02

/** Opens a meter of the CPUs that are available to this process. */
export async function openCpuMeter(options: CpuMeterOptions = {}): Promise<CpuMeter> {
  const { read = readSystemText, now = () => performance.now(), processId = process.pid } = options
  const [status, stat, group] = await Promise.all([read('/proc/self/status'), read('/proc/stat'), findCpuGroup(read)])
  const allowed = parseAllowedCpus(status ?? '')
  const isAllowed = (cpu: number) => allowed?.has(cpu) ?? true
  const machineCpus = parseCpuTimes(stat ?? '', () => true)?.count ?? readNodeTimes().count
  const count = parseCpuTimes(stat ?? '', isAllowed)?.count ?? machineCpus
  const limit = group !== null && group.cpus < count ? group : null
  const pressurePath = await findPressure(read, limit)
  const source = { read, now, processId, isAllowed, limit, pressurePath }
  let last = await readCounters(source)
  return {
    cpus: limit?.cpus ?? count,
    machineCpus,
    pressurePath,
    async measure() {
      const current = await readCounters(source)
      const use = compare(last, current, limit?.cpus ?? null)
      last = current
      return use
    },
  }
}

/** A container sees the pressure of its host in /proc: with a limit, only that of the control group counts. */
async function findPressure(read: ReadText, limit: CpuGroup | null): Promise<string | null> {
  const path = limit === null ? SYSTEM_PRESSURE : limit.pressurePath
  return path !== null && parsePressure((await read(path)) ?? '') !== null ? path : null
}

type Source = Required<CpuMeterOptions> & {
  isAllowed: (cpu: number) => boolean
  limit: CpuGroup | null
  pressurePath: string | null
}

/** Counters that only grow. */
type Counters = {
  readonly at: number
  readonly times: CpuTimes
  readonly groupSeconds: number | null
  readonly pressureSeconds: number | null
  readonly processId: number
  /** CPU time of the process and each of its descendants, by process id. */
  readonly tree: ReadonlyMap<number, number> | null
}

async function readCounters(source: Source): Promise<Counters> {
  const { read, now, processId, isAllowed, limit, pressurePath } = source
  const [stat, groupSeconds, pressure, tree] = await Promise.all([
    read('/proc/stat'),
    limit?.readUsage() ?? null,
    pressurePath === null ? null : read(pressurePath),
    readCpuSeconds(read, processId),
  ])
  const times = parseCpuTimes(stat ?? '', isAllowed) ?? readNodeTimes()
  return { at: now(), times, groupSeconds, pressureSeconds: parsePressure(pressure ?? ''), processId, tree }
}

/**
 * Compares two readings. With a limit, the share in use is what the group cannot use: the part of its limit that it has used,
 * or that the machine does not have idle.
 */
function compare(before: Counters, after: Counters, limit: number | null): CpuUse {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000)
  const { count } = after.times
  const total = after.times.total - before.times.total
  const machineUse = total > 0 ? clamp((after.times.busy - before.times.busy) / total) : 0
  const cpus = limit ?? count
  const groupCpus = limit === null ? null : difference(before.groupSeconds, after.groupSeconds, seconds)
  const idle = Math.min((1 - machineUse) * count, groupCpus === null ? Infinity : cpus - groupCpus)
  const use = clamp(1 - idle / cpus)
  const pressure = difference(before.pressureSeconds, after.pressureSeconds, seconds)
  return {
    seconds,
    use,
    pressure: pressure === null ? null : clamp(pressure),
    ...compareTrees(before, after, { seconds, cpus, use }),
  }
}

function compareTrees(
  before: Counters,
  after: Counters,
  { seconds, cpus, use }: { seconds: number; cpus: number; use: number },
): Pick<CpuUse, 'own' | 'busy'> {
  if (before.tree === null || after.tree === null) return { own: null, busy: null }
  // the counters of a process that has ended are in those of its parent only after the parent has read its status
  const own = Math.min(use, clamp((toTotal(after.tree) - toTotal(before.tree)) / seconds / cpus))
  const busy = [...after.tree].filter(([id, cpuSeconds]) => {
    const used = cpuSeconds - (before.tree?.get(id) ?? 0)
    return id !== after.processId && used / seconds >= BUSY_SHARE
  }).length
  return { own, busy }
}

function toTotal(tree: ReadonlyMap<number, number>): number {
  return [...tree.values()].reduce((total, seconds) => total + seconds, 0)
}

/** Returns the growth of a counter per second; null if it is not known. */
function difference(before: number | null, after: number | null, seconds: number): number | null {
  return before === null || after === null ? null : Math.max(0, (after - before) / seconds)
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share))
}
