/** Random edits of files, as data, so that a case can be printed and repeated. */
import * as fc from 'fast-check'

export type Edit =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'set'; at: number; bytes: Uint8Array }
  | { kind: 'truncate'; at: number }
  | { kind: 'drop'; at: number; length: number }
  | { kind: 'repeat'; at: number; length: number }
  | { kind: 'zero'; at: number; length: number }
  | { kind: 'splice'; at: number; from: number; length: number; other: number }
  | { kind: 'atom'; nth: number; offset: number; value: number }

/** The index of a file, and its edits in order. Positions and lengths are fractions of the file. */
export type Case = { file: number; edits: readonly Edit[] }

/** Uniform, unlike `fc.double`, which gives mostly tiny numbers. */
const fraction = fc.nat(2 ** 30 - 1).map((n) => n / 2 ** 30)
/** Prefers the beginning and the end, where headers and indexes are. */
const position = fc.oneof(
  fraction,
  fraction.map((at) => at ** 4),
  fraction.map((at) => 1 - at ** 4),
)
const length = fraction.map((part) => part ** 3)
const number = fc.oneof(fc.constantFrom(0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffff))

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: position, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('set'), at: position, bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
  fc.record({ kind: fc.constant('truncate'), at: position }),
  fc.record({ kind: fc.constant('drop'), at: position, length }),
  fc.record({ kind: fc.constant('repeat'), at: position, length }),
  fc.record({ kind: fc.constant('zero'), at: position, length }),
  fc.record({ kind: fc.constant('splice'), at: position, from: fraction, length, other: fc.nat(1000) }),
  fc.record({
    kind: fc.constant('atom'),
    nth: fc.nat(1000),
    offset: fc.constantFrom(-4, 4, 8, 12, 16, 20),
    value: number,
  }),
)

/** Without a bias to small values: a file that is truncated at 0 needs only one round. */
export const cases: fc.Arbitrary<Case> = fc.noBias(
  fc.record({ file: fc.nat(1000), edits: fc.array(edit, { minLength: 1, maxLength: 4 }) }),
)

export function mutate(files: readonly Buffer[], { file, edits }: Case): Buffer {
  return edits.reduce<Buffer>((bytes, edit) => apply(bytes, edit, files), files[file % files.length] ?? Buffer.alloc(0))
}

function apply(bytes: Buffer, edit: Edit, files: readonly Buffer[]): Buffer {
  if (bytes.length === 0) return bytes
  if (edit.kind === 'atom') return changeAtom(bytes, edit)
  const at = Math.floor(edit.at * bytes.length)
  if (edit.kind === 'truncate') return bytes.subarray(0, at)
  if (edit.kind === 'flip') return overwrite(bytes, at, Buffer.from([(bytes[at] ?? 0) ^ (1 << edit.bit)]))
  if (edit.kind === 'set') return overwrite(bytes, at, Buffer.from(edit.bytes))
  const end = Math.min(bytes.length, at + Math.ceil(edit.length * bytes.length))
  if (edit.kind === 'zero') return overwrite(bytes, at, Buffer.alloc(end - at))
  if (edit.kind === 'drop') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
  if (edit.kind === 'repeat') return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
  const other = files[edit.other % files.length] ?? bytes
  const from = Math.floor(edit.from * other.length)
  return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + end - at), bytes.subarray(end)])
}

function overwrite(bytes: Buffer, at: number, replacement: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  replacement.copy(changed, at)
  return changed
}

/** Names in mp4, RIFF, Ogg and other formats that have sizes, counts or timestamps next to them. */
const atoms =
  /moov|trak|mdia|minf|stbl|stsd|stsz|stco|stsc|stts|ctts|stss|elst|edts|mdhd|tkhd|mvhd|hdlr|avcC|esds|moof|traf|trun|tfhd|mdat|LIST|avih|strh|strf|idx1|fmt |data|OggS|fLaC|Xing|IHDR|IDAT/g

function changeAtom(bytes: Buffer, { nth, offset, value }: Extract<Edit, { kind: 'atom' }>): Buffer {
  const positions = [...bytes.toString('latin1').matchAll(atoms)].map(({ index }) => index)
  const at = (positions[nth % Math.max(1, positions.length)] ?? 0) + offset
  if (at < 0 || at + 4 > bytes.length) return bytes
  const number = Buffer.alloc(4)
  number.writeUInt32BE(value)
  return overwrite(bytes, at, number)
}
