export type Dice = {
  chance(p: number): boolean
  between(a: number, b: number): number
  pick<T>(items: readonly T[]): T
}

/** mulberry32: small, seeded, good enough to shuffle schedules. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    chance: (p) => random() < p,
    between: (a, b) => a + random() * (b - a),
    pick: (items) => items[Math.floor(random() * items.length)] as (typeof items)[number],
  }
}
