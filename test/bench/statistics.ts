/** Median, lowest and highest of some values. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number }

export function toSpread(values: readonly number[]): Spread {
  return { median: toPercentile(values, 0.5), min: Math.min(...values), max: Math.max(...values) }
}

/** Returns the smallest value that at least this fraction of the values does not exceed. */
export function toPercentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN
}
