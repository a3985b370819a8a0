import type { MetricName } from './definitions.ts'

export type Labels = Readonly<Record<string, string>>

/** Changes the values of metrics. */
export type Meter = {
  /** Adds `value` to a counter. */
  add(name: MetricName, value: number, labels?: Labels): void
  /** Adds an observation to a histogram. */
  observe(name: MetricName, value: number, labels?: Labels): void
  /** Sets a gauge; null removes the sample. */
  set(name: MetricName, value: number | null, labels?: Labels): void
}
