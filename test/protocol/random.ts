/** A seeded source of random decisions. */
export type Random = {
  /** Returns true with the probability `p`. */
  chance(p: number): boolean
  /** Returns a number from `min` to `max`. */
  between(min: number, max: number): number
  /** Returns one of the items. */
  pick<T>(items: readonly T[]): T
}

/** Creates a source from a seed, with the generator mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    chance: (p) => next() < p,
    between: (min, max) => min + next() * (max - min),
    pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
  }
}
