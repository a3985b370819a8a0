/** Reads recorded texts of /proc and of control groups. */
import * as assert from 'uvu/assert'
import { findCpuGroup, parseCgroups, parseCpuMax, parseCpuStat, readMemoryLimit } from '../../daemon/machine/cgroup.ts'
import { openCpuMeter } from '../../daemon/machine/cpu-meter.ts'
import { parseAllowedCpus, parseCpuTimes, parsePressure, readNodeTimes } from '../../daemon/machine/cpu-times.ts'
import { parseCpuSeconds, parseMemory, readChildMemory, readCpuSeconds } from '../../daemon/machine/process-tree.ts'
import type { ReadText } from '../../daemon/machine/text.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('machine')

/** A system with these files. */
const system =
  (files: Record<string, string>): ReadText =>
  async (path) =>
    files[path] ?? null

const STAT = `cpu  300 20 100 1500 80 0 5 15 9 0
cpu0 200 10 50 700 30 0 5 5 9 0
cpu1 100 10 50 800 50 0 0 10 0 0
intr 1234 0 1
ctxt 5678
`
const PRESSURE = `some avg10=0.00 avg60=0.35 avg300=18.90 total=28796626563
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
`
const STATUS = `Name:	node\nVmHWM:	  90000 kB\nVmRSS:	   81234 kB\nCpus_allowed:	3\nCpus_allowed_list:	0-1\n`
const stat = (ticks: [number, number, number, number], name = 'node') =>
  `41 (${name}) S 1 41 41 0 -1 4194560 900 0 0 0 ${ticks.join(' ')} 20 0 11 0 5000 900000 20000 1844 0 0 0`

test('CPU times: idle and waiting for a disk are idle, stolen time is busy, the time of guests is not counted twice', () => {
  assert.equal(
    parseCpuTimes(STAT, () => true),
    { busy: 440, total: 2020, count: 2 },
  )
  assert.equal(
    parseCpuTimes(STAT, (cpu) => cpu === 1),
    { busy: 170, total: 1020, count: 1 },
  )
  assert.is(
    parseCpuTimes(STAT, () => false),
    null,
  )
  assert.is(
    parseCpuTimes('', () => true),
    null,
  )
})

test('CPU times of Node are of the same form', () => {
  const { busy, total, count } = readNodeTimes()
  assert.ok(count >= 1 && total >= busy && busy >= 0)
})

test('allowed CPUs: ranges and single numbers', () => {
  assert.equal([...(parseAllowedCpus(STATUS) ?? [])], [0, 1])
  assert.equal([...(parseAllowedCpus('Cpus_allowed_list:\t0-3,8,10-11\n') ?? [])], [0, 1, 2, 3, 8, 10, 11])
  assert.is(parseAllowedCpus('Name:\tnode\n'), null)
})

test('pressure is the time in which a task waited', () => {
  assert.is(parsePressure(PRESSURE), 28_796.626563)
  assert.is(parsePressure('some avg10=0.00 avg60=0.00 avg300=0.00 total=12'), 0.000012)
  assert.is(parsePressure(''), null)
})

test('control groups of both versions', () => {
  const hybrid =
    '12:cpu,cpuacct:/docker/1f3a\n4:memory:/docker/1f3a\n1:name=systemd:/x\n0::/system.slice/docker:1.scope\n'
  assert.equal(parseCgroups(hybrid), {
    unified: '/system.slice/docker:1.scope',
    cpu: '/docker/1f3a',
    memory: '/docker/1f3a',
  })
  assert.equal(parseCgroups('0::/\n'), { unified: '/', cpu: undefined, memory: undefined })
  assert.equal(
    [parseCpuMax('200000 100000\n'), parseCpuMax('150000 100000'), parseCpuMax('max 100000\n')],
    [2, 1.5, null],
  )
  assert.is(parseCpuStat('usage_usec 66008923\nuser_usec 1\nsystem_usec 2\nnr_periods 0\n'), 66.008923)
  assert.is(parseCpuStat(''), null)
})

test('version 2: the lowest limit of the group and those above it', async () => {
  const group = await findCpuGroup(
    system({
      '/proc/self/cgroup': '0::/system.slice/mediad.service\n',
      '/sys/fs/cgroup/system.slice/mediad.service/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '300000 100000\n',
      '/sys/fs/cgroup/system.slice/cpu.stat': 'usage_usec 5000000\n',
    }),
  )
  assert.is(group?.cpus, 3)
  assert.is(await group?.readUsage(), 5)
  assert.is(group?.pressurePath, '/sys/fs/cgroup/system.slice/cpu.pressure')
})

test('version 1 in a container: the path is that on the host, the files are at the root of the mount', async () => {
  const files: Record<string, string> = {
    '/proc/self/cgroup': '5:cpuacct,cpu:/docker/1f3a\n3:memory:/docker/1f3a\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '150000\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/cpuacct/cpuacct.usage': '7500000000\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '1073741824\n',
  }
  const group = await findCpuGroup(system(files))
  assert.equal([group?.cpus, await group?.readUsage(), group?.pressurePath], [1.5, 7.5, null])
  assert.is(await readMemoryLimit(system(files)), 2 ** 30)
  const unlimited = { ...files, '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n' }
  assert.is(await findCpuGroup(system(unlimited)), null)
  const huge = { ...files, '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' }
  assert.is(await readMemoryLimit(system(huge)), null)
})

test('a memory limit of version 2, and none', async () => {
  const files = { '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/memory.max': 'max\n' }
  assert.is(await readMemoryLimit(system(files)), null)
  assert.is(await readMemoryLimit(system({ ...files, '/sys/fs/cgroup/memory.max': '2147483648\n' })), 2 ** 31)
  assert.is(await readMemoryLimit(system({})), null)
})

test('CPU time and memory of a process, whatever its name', () => {
  assert.is(parseCpuSeconds(stat([100, 20, 300, 80])), 5)
  assert.is(parseCpuSeconds(stat([100, 0, 0, 0], 'a) R 1 (b')), 1)
  assert.is(parseCpuSeconds(''), null)
  assert.is(parseCpuSeconds('41 (node) Z'), null)
  assert.equal([parseMemory(STATUS), parseMemory('Name:\tx\n')], [81_234 * 1024, 0])
})

const tree = {
  '/proc/41/stat': stat([100, 0, 50, 0]),
  '/proc/41/task/41/children': '42 43 ',
  '/proc/42/stat': stat([30, 0, 0, 0], 'sh'),
  '/proc/42/task/42/children': '44 ',
  '/proc/44/stat': stat([200, 0, 0, 0], 'ffmpeg'),
  '/proc/41/status': 'VmRSS:\t100 kB\n',
  '/proc/42/status': 'VmRSS:\t1 kB\n',
  '/proc/44/status': 'VmRSS:\t50 kB\n',
}

test('a process and its descendants, except those that have just ended', async () => {
  assert.equal([...((await readCpuSeconds(system(tree), 41)) ?? [])].toSorted(), [
    [41, 1.5],
    [42, 0.3],
    [44, 2],
  ])
  assert.is(await readChildMemory(system(tree), 41), 51 * 1024)
  assert.equal([await readCpuSeconds(system({}), 41), await readChildMemory(system({}), 41)], [null, null])
})

/** Opens a meter, changes the files, and measures a second later. */
async function measure(before: Record<string, string>, after: Record<string, string>) {
  let files = before
  let now = 0
  const meter = await openCpuMeter({ read: async (path) => files[path] ?? null, now: () => now, processId: 41 })
  files = { ...before, ...after }
  now += 1000
  return { meter, use: await meter.measure() }
}

test('measures use, own use, busy children and pressure', async () => {
  const { meter, use } = await measure(
    { ...tree, '/proc/stat': STAT, '/proc/self/status': STATUS, '/proc/pressure/cpu': PRESSURE },
    {
      '/proc/stat': 'cpu0 230 10 50 770 30 0 5 5 9 0\ncpu1 190 10 50 810 50 0 0 10 0 0\n',
      '/proc/44/stat': stat([280, 0, 0, 0], 'ffmpeg'),
      '/proc/pressure/cpu': 'some avg10=0.00 avg60=0.35 avg300=18.90 total=28796876563\n',
    },
  )
  assert.equal([meter.cpus, meter.machineCpus, meter.pressurePath], [2, 2, '/proc/pressure/cpu'])
  const rounded = [use.use, use.own, use.pressure].map((share) => Math.round((share ?? 0) * 100))
  assert.equal([use.seconds, use.busy, ...rounded], [1, 1, 60, 40, 25])
})

const CONTAINER = {
  '/proc/self/cgroup': '0::/\n',
  '/sys/fs/cgroup/cpu.max': '200000 100000\n',
  '/sys/fs/cgroup/cpu.stat': 'usage_usec 1000000\n',
  '/sys/fs/cgroup/cpu.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  '/proc/pressure/cpu': PRESSURE,
}
const machine = (busy: number) =>
  Array.from({ length: 64 }, (_, n) => `cpu${n} ${busy} 0 0 ${100 - busy} 0 0 0 0 0 0`).join('\n')
const later = (busy: number) =>
  Array.from({ length: 64 }, (_, n) => `cpu${n} ${busy * 2} 0 0 ${200 - 2 * busy} 0 0 0 0 0 0`).join('\n')

test('a container with 2 of 64 CPUs has 2: its use is that of its group, its pressure too', async () => {
  const { meter, use } = await measure(
    { ...CONTAINER, '/proc/stat': machine(80) },
    { '/proc/stat': later(80), '/sys/fs/cgroup/cpu.stat': 'usage_usec 2500000\n' },
  )
  assert.equal([meter.cpus, meter.machineCpus, meter.pressurePath], [2, 64, '/sys/fs/cgroup/cpu.pressure'])
  assert.equal([use.use, use.own, use.busy, use.pressure], [0.75, null, null, 0])
})

test('a container on a machine without idle CPUs has no room, although its group is idle', async () => {
  const { use } = await measure({ ...CONTAINER, '/proc/stat': machine(99) }, { '/proc/stat': later(99) })
  assert.ok(Math.abs(use.use - (1 - 0.64 / 2)) < 0.001, String(use.use))
})

test('a limit above the number of CPUs does not count, and an affinity does', async () => {
  const wide = { ...CONTAINER, '/sys/fs/cgroup/cpu.max': '800000 100000\n', '/proc/stat': STAT }
  assert.is((await openCpuMeter({ read: system(wide) })).cpus, 2)
  const pinned = { '/proc/stat': STAT, '/proc/self/status': 'Cpus_allowed_list:\t1\n' }
  assert.is((await openCpuMeter({ read: system(pinned) })).cpus, 1)
})

test('without /proc, it measures all CPUs through Node, and nothing else', async () => {
  const meter = await openCpuMeter({ read: system({}) })
  const { use, own, busy, pressure } = await meter.measure()
  assert.ok(meter.cpus >= 1 && meter.cpus === meter.machineCpus && use >= 0 && use <= 1)
  assert.equal([own, busy, pressure, meter.pressurePath], [null, null, null, null])
})
