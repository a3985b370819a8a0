/** One way to use the CPUs: how many jobs run at once, with how many threads each. */
export type Setting = {
  readonly concurrency: number
  /** Threads of each video encoder; null for the encoder's own choice, about one per CPU. */
  readonly threads: number | null
}

/**
 * Returns the settings to measure, in the order of measurement. Concurrency goes from 1 to the number of CPUs; above 4 it
 * doubles. For each, the threads are the encoder's choice, an equal share of the CPUs, and half of that: fewer leave CPUs
 * unused, more only compete. That is 5 settings for 2 CPUs and 23 for 64.
 */
export function toGrid(cpus: number, { hasThreads }: { hasThreads: boolean }): Setting[] {
  const count = Math.max(1, Math.floor(cpus))
  return toConcurrencies(count).flatMap((concurrency) => {
    const share = Math.ceil(count / concurrency)
    const threads = hasThreads ? [null, ...new Set([share, Math.ceil(share / 2)])] : [null]
    return threads.map((one) => ({ concurrency, threads: one }))
  })
}

const EACH_UP_TO = 4

function toConcurrencies(cpus: number): number[] {
  const few = Array.from({ length: Math.min(cpus, EACH_UP_TO) }, (_, n) => n + 1)
  const more: number[] = []
  for (let n = 2 * EACH_UP_TO; n < cpus; n *= 2) more.push(n)
  return cpus > EACH_UP_TO ? [...few, ...more, cpus] : few
}

/** Describes a setting: `2 jobs, 1 thread each`. */
export function describeSetting({ concurrency, threads }: Setting): string {
  const jobs = `${concurrency} ${concurrency === 1 ? 'job' : 'jobs'}`
  if (threads === null) return jobs
  return `${jobs}, ${threads} ${threads === 1 ? 'thread' : 'threads'}${concurrency === 1 ? '' : ' each'}`
}
