/** Edits that truncate or corrupt a file. They are deterministic: the same seed gives the same result. */
import { createRandom } from '../../protocol/random.ts'

/** Returns the beginning of a file: a fraction of it, or all but its last `without` bytes. */
export function truncate(bytes: Buffer, length: { share: number } | { without: number }): Buffer {
  return bytes.subarray(0, 'share' in length ? Math.floor(bytes.length * length.share) : bytes.length - length.without)
}

/** Flips random bits between two positions, given as fractions of the file. */
export function flipBits(bytes: Buffer, flips: { count: number; seed: number; from?: number; to?: number }): Buffer {
  const { count, seed, from = 1 / 3, to = 1 } = flips
  const random = createRandom(seed)
  const changed = Buffer.from(bytes)
  for (let n = 0; n < count; n++) {
    const at = Math.floor(random.between(bytes.length * from, bytes.length * to))
    changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(random.between(0, 8)))
  }
  return changed
}

/** Overwrites a part of the file with zeros, like a lost disk block. Position and length are fractions of the file. */
export function fillWithZeros(bytes: Buffer, hole: { at: number; share: number }): Buffer {
  const changed = Buffer.from(bytes)
  const start = Math.floor(bytes.length * hole.at)
  return changed.fill(0, start, Math.min(bytes.length, start + Math.floor(bytes.length * hole.share)))
}

/** Returns random bytes. */
export function noise(length: number, seed = 1): Buffer {
  const random = createRandom(seed)
  return Buffer.from(Uint8Array.from({ length }, () => Math.floor(random.between(0, 256))))
}
