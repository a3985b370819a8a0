import type { ColourProfile, Curve } from '../../vocabulary/media.ts'

/** Bytes of the header, before the number of tags (ICC.1:2022, 7.2). */
const HEADER_BYTES = 128
/** Bytes of an entry of the tag table: signature, offset and size. */
const TAG_BYTES = 12
const MAX_TAGS = 100

/** XYZ for the white point D50, the connection space of profiles, to linear sRGB. */
const TO_SRGB = [
  [3.1338561, -1.6168667, -0.4906146],
  [-0.9787684, 1.9161415, 0.033454],
  [0.0719453, -0.2289914, 1.4052427],
]

const sRgbCurve: Curve = { gamma: 2.4, a: 1 / 1.055, b: 0.055 / 1.055, c: 1 / 12.92, d: 0.04045, e: 0, f: 0 }

/**
 * Parses an ICC profile of RGB that consists of a matrix and curves, as those of cameras, phones and screens do. Returns null
 * for sRGB, for any other profile, and for one that is not valid.
 */
export function parseProfile(bytes: Buffer): ColourProfile | null {
  if (bytes.length < HEADER_BYTES + 4 || bytes.toString('latin1', 36, 40) !== 'acsp') return null
  if (bytes.toString('latin1', 16, 24) !== 'RGB XYZ ') return null
  const columns = ['rXYZ', 'gXYZ', 'bXYZ'].map((name) => toPoint(readTag(bytes, name))).filter(isPresent)
  const curves = ['rTRC', 'gTRC', 'bTRC'].map((name) => toCurve(readTag(bytes, name))).filter(isPresent)
  if (columns.length < 3 || curves.length < 3) return null
  const matrix = TO_SRGB.flatMap((row) =>
    columns.map((column) => row.reduce((sum, value, n) => sum + value * (column[n] ?? 0), 0)),
  )
  const profile = { curves, matrix }
  return isValid(profile) && !isSrgb(profile) ? profile : null
}

function isPresent<T>(value: T | null): value is T {
  return value !== null
}

function readTag(bytes: Buffer, name: string): Buffer {
  const count = Math.min(bytes.readUInt32BE(HEADER_BYTES), MAX_TAGS)
  for (let n = 0; n < count; n++) {
    const at = HEADER_BYTES + 4 + n * TAG_BYTES
    if (at + TAG_BYTES > bytes.length) break
    if (bytes.toString('latin1', at, at + 4) !== name) continue
    const start = bytes.readUInt32BE(at + 4)
    return bytes.subarray(start, start + bytes.readUInt32BE(at + 8))
  }
  return Buffer.alloc(0)
}

/** Reads a number with 16 bits for its fraction. */
const toFixed = (bytes: Buffer, at: number): number => bytes.readInt32BE(at) / 0x10000

function toPoint(tag: Buffer): number[] | null {
  if (tag.length < 20 || tag.toString('latin1', 0, 4) !== 'XYZ ') return null
  return [8, 12, 16].map((at) => toFixed(tag, at))
}

function toCurve(tag: Buffer): Curve | null {
  const type = tag.toString('latin1', 0, 4)
  if (tag.length < 12) return null
  if (type === 'para') return toParametric(tag)
  return type === 'curv' ? toSampled(tag) : null
}

const power = (gamma: number): Curve => ({ gamma, a: 1, b: 0, c: 0, d: 0, e: 0, f: 0 })

/** Reads a parametric curve: one of five functions with up to seven parameters (ICC.1:2022, 10.18). */
function toParametric(tag: Buffer): Curve | null {
  const kind = tag.readUInt16BE(8)
  const count = [1, 3, 4, 5, 7][kind] ?? 0
  if (count === 0 || tag.length < 12 + 4 * count) return null
  const [gamma = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from({ length: count }, (_, n) =>
    toFixed(tag, 12 + 4 * n),
  )
  if (kind === 0) return power(gamma)
  if (kind >= 3) return { gamma, a, b, c, d, e, f }
  const offset = kind === 2 ? c : 0
  return a === 0 ? null : { gamma, a, b, c: 0, d: -b / a, e: offset, f: offset }
}

/** Reads a curve of samples: none means linear, one is an exponent. A table is approximated by its middle. */
function toSampled(tag: Buffer): Curve | null {
  const count = tag.readUInt32BE(8)
  if (count === 0) return power(1)
  if (count === 1) return tag.length < 14 ? null : power(tag.readUInt16BE(12) / 256)
  if (tag.length < 12 + 2 * count) return null
  const middle = tag.readUInt16BE(12 + 2 * Math.round((count - 1) / 2)) / 0xffff
  if (Math.abs(middle - evaluate(sRgbCurve, 0.5)) < 0.01) return sRgbCurve
  return middle > 0 && middle < 1 ? power(Math.log(middle) / Math.log(0.5)) : null
}

function evaluate({ gamma, a, b, c, d, e, f }: Curve, x: number): number {
  return x >= d ? Math.max(0, a * x + b) ** gamma + e : c * x + f
}

const isPlausible = (value: number): boolean => Number.isFinite(value) && Math.abs(value) < 4

/** Whether a profile has values that real profiles have; a filter cannot apply others. */
function isValid({ curves, matrix }: ColourProfile): boolean {
  return (
    matrix.every(isPlausible) &&
    curves.every(
      (curve) => curve.gamma > 0.2 && curve.gamma < 5 && Object.values(curve).every((value) => Math.abs(value) < 16),
    )
  )
}

/** Whether the colours differ from sRGB so little that nobody sees it. */
function isSrgb({ curves, matrix }: ColourProfile): boolean {
  return (
    matrix.every((value, n) => Math.abs(value - (n % 4 === 0 ? 1 : 0)) < 0.02) &&
    curves.every((curve) =>
      [0.25, 0.5, 0.75].every((x) => Math.abs(evaluate(curve, x) - evaluate(sRgbCurve, x)) < 0.01),
    )
  )
}
