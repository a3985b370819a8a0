import { dirname, join } from 'node:path'
import type { ReadText } from './text.ts'

const MOUNT = '/sys/fs/cgroup'

/** The control group that limits the CPU time of this process, and the files that report about it. */
export type CpuGroup = {
  /** CPUs that the group can use, such as 1.5. */
  readonly cpus: number
  /** Reads the CPU time that the group has used, in seconds; null if it is not reported. */
  readUsage(): Promise<number | null>
  /** Path of its pressure stall information, which only version 2 has. */
  readonly pressurePath: string | null
}

/**
 * Finds the control group, among the one of this process and those above it, with the lowest limit of CPU time; null without
 * a limit. Reads both versions. In a container, the path of the group can be that on the host: the group is then the root of
 * the container's mount, which the search reaches last.
 */
export async function findCpuGroup(read: ReadText): Promise<CpuGroup | null> {
  const paths = parseCgroups((await read('/proc/self/cgroup')) ?? '')
  const found: CpuGroup[] = []
  for (const folder of toFolders('', paths.unified)) {
    const cpus = parseCpuMax((await read(join(folder, 'cpu.max'))) ?? '')
    if (cpus !== null)
      found.push({
        cpus,
        readUsage: async () => parseCpuStat((await read(join(folder, 'cpu.stat'))) ?? ''),
        pressurePath: join(folder, 'cpu.pressure'),
      })
  }
  for (const folder of toFolders('cpu', paths.cpu)) {
    const quota = (await read(join(folder, 'cpu.cfs_quota_us'))) ?? ''
    const cpus = parseQuota(quota, (await read(join(folder, 'cpu.cfs_period_us'))) ?? '')
    const usage = join(MOUNT, 'cpuacct', folder.slice(join(MOUNT, 'cpu').length), 'cpuacct.usage')
    if (cpus !== null)
      found.push({
        cpus,
        readUsage: async () => parseNanoseconds((await read(usage)) ?? ''),
        pressurePath: null,
      })
  }
  return found.toSorted((a, b) => a.cpus - b.cpus)[0] ?? null
}

/** Reads the memory limit of the control group of this process in bytes; null without a limit. */
export async function readMemoryLimit(read: ReadText): Promise<number | null> {
  const paths = parseCgroups((await read('/proc/self/cgroup')) ?? '')
  const files = [
    ...toFolders('', paths.unified).map((folder) => join(folder, 'memory.max')),
    ...toFolders('memory', paths.memory).map((folder) => join(folder, 'memory.limit_in_bytes')),
  ]
  const limits = (await Promise.all(files.map(async (file) => Number.parseInt((await read(file)) ?? '', 10)))).filter(
    (bytes) => bytes > 0 && bytes < UNLIMITED_BYTES, // version 1 reports a huge number without a limit
  )
  return limits.length === 0 ? null : Math.min(...limits)
}

const UNLIMITED_BYTES = 2 ** 60

type Cgroups = {
  readonly unified: string | undefined
  readonly cpu: string | undefined
  readonly memory: string | undefined
}

/** Parses /proc/self/cgroup: lines such as `4:cpu,cpuacct:/docker/1f3a` (version 1) and `0::/user.slice` (version 2). */
export function parseCgroups(text: string): Cgroups {
  const entries = text.split('\n').flatMap((line): [string, string][] => {
    const [, id = '', controllers = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    if (id === '0' && controllers === '') return [['unified', path]]
    return controllers.split(',').map((name) => [name, path])
  })
  const { unified, cpu, memory }: Partial<Record<string, string>> = Object.fromEntries(entries)
  return { unified, cpu, memory }
}

/** Parses `cpu.max`: `200000 100000` is 2 CPUs, `max 100000` means no limit. */
export function parseCpuMax(text: string): number | null {
  const [quota = '', period = ''] = text.trim().split(/\s+/)
  return parseQuota(quota, period)
}

/** Parses the CPU time in seconds from `cpu.stat`, whose line `usage_usec` is in microseconds. */
export function parseCpuStat(text: string): number | null {
  const microseconds = /^usage_usec (\d+)$/m.exec(text)?.[1]
  return microseconds === undefined ? null : Number(microseconds) / 1e6
}

/** Returns the CPUs for a quota and its period in microseconds; a quota of -1 or `max` means no limit. */
function parseQuota(quota: string, period: string): number | null {
  const cpus = Number.parseInt(quota, 10) / Number.parseInt(period, 10)
  return Number.isFinite(cpus) && cpus > 0 ? cpus : null
}

function parseNanoseconds(text: string): number | null {
  return /^\d+\s*$/.test(text) ? Number.parseInt(text, 10) / 1e9 : null
}

/** Returns the folder of a group and those of the groups above it, up to the mount. */
function toFolders(controller: string, path: string | undefined): string[] {
  if (path === undefined) return []
  const root = join(MOUNT, controller)
  const folders: string[] = []
  for (let at = path; at !== '/'; at = dirname(at)) folders.push(join(root, at))
  return [...folders, root]
}
