/** Ways to spoil a file, as data: what a case does can be printed, and done again. */
import * as fc from 'fast-check'

export type Edit =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'set'; at: number; bytes: Uint8Array }
  | { kind: 'cut'; at: number }
  | { kind: 'drop'; at: number; length: number }
  | { kind: 'repeat'; at: number; length: number }
  | { kind: 'zero'; at: number; length: number }
  | { kind: 'splice'; at: number; from: number; length: number; other: number }
  | { kind: 'atom'; nth: number; offset: number; value: number }

/** A file by its place in the list, and what is done to it, in order. Places are shares of the file. */
export type Case = { file: number; edits: readonly Edit[] }

/** Even: `fc.double` would give mostly numbers as small as 1e-90. */
const share = fc.nat(2 ** 30 - 1).map((n) => n / 2 ** 30)
/** Headers are at the beginning, and more is to be spoilt there. */
const place = fc.oneof(
  share,
  share.map((at) => at ** 4),
  share.map((at) => 1 - at ** 4),
)
const length = share.map((part) => part ** 3)
const number = fc.oneof(fc.constantFrom(0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffff))

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: place, bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('set'), at: place, bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
  fc.record({ kind: fc.constant('cut'), at: place }),
  fc.record({ kind: fc.constant('drop'), at: place, length }),
  fc.record({ kind: fc.constant('repeat'), at: place, length }),
  fc.record({ kind: fc.constant('zero'), at: place, length }),
  fc.record({ kind: fc.constant('splice'), at: place, from: share, length, other: fc.nat(1000) }),
  fc.record({
    kind: fc.constant('atom'),
    nth: fc.nat(1000),
    offset: fc.constantFrom(-4, 4, 8, 12, 16, 20),
    value: number,
  }),
)

/** Without a bias towards the smallest of everything: a file cut at 0 is worth one round, not a hundred. */
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
  if (edit.kind === 'cut') return bytes.subarray(0, at)
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

/** Names before or behind which there are sizes, counts and times, in mp4, RIFF and ASF's neighbours. */
const atoms =
  /moov|trak|mdia|minf|stbl|stsd|stsz|stco|stsc|stts|ctts|stss|elst|edts|mdhd|tkhd|mvhd|hdlr|avcC|esds|moof|traf|trun|tfhd|mdat|LIST|avih|strh|strf|idx1|fmt |data|OggS|fLaC|Xing|IHDR|IDAT/g

function changeAtom(bytes: Buffer, { nth, offset, value }: Extract<Edit, { kind: 'atom' }>): Buffer {
  const places = [...bytes.toString('latin1').matchAll(atoms)].map(({ index }) => index)
  const at = (places[nth % Math.max(1, places.length)] ?? 0) + offset
  if (at < 0 || at + 4 > bytes.length) return bytes
  const number = Buffer.alloc(4)
  number.writeUInt32BE(value)
  return overwrite(bytes, at, number)
}
