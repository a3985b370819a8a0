import { getContent, listBoxes } from './boxes.ts'

/** One `moof` box with its `mdat`. Times are in the unit of the track. */
export type Fragment = {
  /** Position in the file of the `moof`. */
  readonly offset: number
  /** Size of `moof` and `mdat` together. */
  readonly sizeBytes: number
  /** Decode time of the first sample. */
  readonly start: number
  /** Sum of the durations of the samples. */
  readonly duration: number
  readonly samples: number
  /** The earliest presentation time. */
  readonly presentation: number
  /** Whether the first sample is a sync sample. */
  readonly startsWithSync: boolean
  /** Position in the file at which the first sample ends. */
  readonly firstSampleEnd: number
}

/** Defaults of samples, from the `trex` box. */
export type Defaults = { readonly duration: number; readonly size: number; readonly flags: number }

/** Counts how many samples have each duration. */
export type Durations = Map<number, number>

/** Bit of the sample flags: the sample depends on others. */
const NON_SYNC = 0x1_0000

/** Parses a `moof` at a position of a file; `offset` counts from the start of the file. Adds the durations of its samples. */
export function parseFragment(
  moof: Buffer,
  { offset, defaults, durations }: { offset: number; defaults: Defaults; durations: Durations },
): Omit<Fragment, 'sizeBytes'> {
  const traf = getContent(moof, ['traf'])
  const own = parseTrackHeader(getContent(traf, ['tfhd']), defaults)
  const start = parseDecodeTime(getContent(traf, ['tfdt']))
  let [time, samples, presentation] = [start, 0, Infinity]
  let first: { flags: number; end: number } | null = null
  for (const { content } of listBoxes(traf).filter(({ type }) => type === 'trun')) {
    const run = parseRun(content, own)
    first ??= { flags: run.samples[0]?.flags ?? NON_SYNC, end: offset + run.dataOffset + (run.samples[0]?.size ?? 0) }
    for (const { duration, shift } of run.samples) {
      presentation = Math.min(presentation, time + shift)
      durations.set(duration, (durations.get(duration) ?? 0) + 1)
      time += duration
      samples++
    }
  }
  if (first === null || samples === 0) throw new Error(`the fragment at ${offset} has no samples`)
  const startsWithSync = (first.flags & NON_SYNC) === 0
  return { offset, start, duration: time - start, samples, presentation, startsWithSync, firstSampleEnd: first.end }
}

/** Parses a `tfhd`: the defaults of the fragment, which override those of the track. */
function parseTrackHeader(tfhd: Buffer, defaults: Defaults): Defaults {
  const flags = tfhd.readUIntBE(1, 3)
  let at = 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0)
  const next = (isPresent: number, fallback: number): number => {
    if (!isPresent) return fallback
    at += 4
    return tfhd.readUInt32BE(at - 4)
  }
  const duration = next(flags & 0x8, defaults.duration)
  const size = next(flags & 0x10, defaults.size)
  return { duration, size, flags: next(flags & 0x20, defaults.flags) }
}

function parseDecodeTime(tfdt: Buffer): number {
  return tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4)
}

type Sample = { duration: number; size: number; flags: number; shift: number }

/** Parses a `trun`. `dataOffset` counts from the start of the `moof`; `shift` is the composition time offset. */
function parseRun(trun: Buffer, defaults: Defaults): { dataOffset: number; samples: Sample[] } {
  const [version, flags, count] = [trun[0], trun.readUIntBE(1, 3), trun.readUInt32BE(4)]
  let at = 8
  const read = (isPresent: number, fallback: number): number => {
    if (!isPresent) return fallback
    at += 4
    return trun.readUInt32BE(at - 4)
  }
  const dataOffset = read(flags & 0x1, 0) | 0
  const firstFlags = read(flags & 0x4, Number.NaN)
  const samples: Sample[] = []
  for (let n = 0; n < count; n++) {
    const duration = read(flags & 0x100, defaults.duration)
    const size = read(flags & 0x200, defaults.size)
    const own = read(flags & 0x400, n === 0 && !Number.isNaN(firstFlags) ? firstFlags : defaults.flags)
    const shift = read(flags & 0x800, 0)
    samples.push({ duration, size, flags: own, shift: version === 0 ? shift : shift | 0 })
  }
  return { dataOffset, samples }
}
