import type { Setting } from './grid.ts'

/** What was measured for a setting. */
export type Measured = Setting & {
  readonly clipsPerHour: number
  /** CPU time of the jobs, as a share of the available CPUs; null where it is not known. */
  readonly cpuUse: number | null
  /** The most memory that the children had in RAM at one time; null where it is not known. */
  readonly memoryBytes: number | null
  readonly secondsPerClip: number
}

/** Throughputs that differ by less are the same: two measurements of one setting differ by as much. */
const SAME = 0.03
/** Share of the machine's memory that jobs can use. */
const MEMORY_SHARE = 0.8

/**
 * Returns the setting with the fewest resources among those whose throughput is within 3 % of the best and whose memory fits
 * the machine: the fewest jobs, then the least memory. If none fits, it is the one with the least memory. Null without a
 * measurement.
 */
export function recommend(measured: readonly Measured[], memoryBytes: number): Measured | null {
  const fits = measured.filter((one) => (one.memoryBytes ?? 0) <= memoryBytes * MEMORY_SHARE)
  const best = Math.max(...fits.map(({ clipsPerHour }) => clipsPerHour))
  const equal = fits.filter(({ clipsPerHour }) => clipsPerHour >= best * (1 - SAME))
  const memory = (a: Measured, b: Measured) => (a.memoryBytes ?? 0) - (b.memoryBytes ?? 0)
  const [found = measured.toSorted(memory)[0]] = equal.toSorted(
    (a, b) => a.concurrency - b.concurrency || memory(a, b) || b.clipsPerHour - a.clipsPerHour,
  )
  return found ?? null
}

/** Returns the lines for the config, each with the place where it belongs. */
export function toConfigLines({ concurrency, threads }: Setting, plugins: readonly string[]): string[] {
  const lines: [string, string][] = [[`concurrency: ${concurrency},`, '// in queues.work']]
  for (const plugin of plugins)
    lines.push(
      threads === null ? ['', `// no threads in ${plugin}({ … })`] : [`threads: ${threads},`, `// in ${plugin}({ … })`],
    )
  const width = Math.max(...lines.map(([line]) => line.length))
  return lines.map(([line, place]) => `${line.padEnd(width)} ${place}`)
}
