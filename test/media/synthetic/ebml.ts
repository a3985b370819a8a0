/** Writes and edits Matroska files (RFC 8794, RFC 9559) in ways that ffmpeg does not support. */

/** Creates an element from its id, in hexadecimal, and its content: text, bytes, numbers or child elements. */
export function element(id: string, ...content: readonly (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(content.map(toBytes))
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(body.length) | (1n << 56n))
  return Buffer.concat([Buffer.from(id, 'hex'), size, body])
}

function toBytes(content: Buffer | string | number): Buffer {
  if (typeof content === 'string') return Buffer.from(content)
  if (typeof content !== 'number') return content
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(content))
  return bytes
}

export type Names = { docType?: string; codec?: string; title?: string; app?: string }

/** Creates a Matroska file with one audio track of 8-bit samples, and with the given names. */
export function createMatroska({
  docType = 'matroska',
  codec = 'A_PCM/INT/LIT',
  title = '',
  app = 'x',
}: Names): Buffer {
  const audio = element('e1', element('b5', float(8000)), element('9f', 1), element('6264', 8))
  const track = [element('d7', 1), element('73c5', 1), element('83', 2), element('86', codec), element('536e', title)]
  const info = element('1549a966', element('2ad7b1', 1_000_000), element('4d80', app), element('5741', app))
  const block = element('a3', Buffer.from([0x81, 0, 0, 0x80]), Buffer.alloc(8000, 0x80))
  return Buffer.concat([
    element('1a45dfa3', element('4282', docType), element('4287', 4), element('4285', 2)),
    element(
      '18538067',
      info,
      element('1654ae6b', element('ae', ...track, audio)),
      element('1f43b675', element('e7', 0), block),
    ),
  ])
}

/** A block: its track, its timestamp in the cluster, in ms, and the number of earlier blocks of that track. */
export type Block = { track: number; time: number; n: number }

const containers = new Set(['18538067', '1f43b675', 'a0'])
const blocks = new Set(['a3', 'a1'])

/** Changes the timestamps of the blocks of a Matroska file. */
export function editBlocks(bytes: Buffer, change: (block: Block) => number): Buffer {
  return mapBlocks(bytes, (block, body) => body.writeInt16BE(change(block), 1))
}

/** Changes the frames of one track of a Matroska file. `change` edits the frame in place. */
export function editFrames(bytes: Buffer, track: number, change: (frame: Buffer, n: number) => void): Buffer {
  return mapBlocks(bytes, (block, body) => {
    if (block.track === track) change(body.subarray(4), block.n)
  })
}

/** Copies a file and edits its blocks. The body of a block has the track, the timestamp (2 bytes), flags, the frame. */
function mapBlocks(bytes: Buffer, edit: (block: Block, body: Buffer) => void): Buffer {
  const changed = Buffer.from(bytes)
  const seen = new Map<number, number>()
  const walk = (start: number, end: number) => {
    for (let at = start; at < end;) {
      const { id, bodyStart, bodyEnd } = readElement(changed, at, end)
      if (containers.has(id)) walk(bodyStart, bodyEnd)
      if (blocks.has(id)) {
        const track = (changed[bodyStart] ?? 0) & 0x7f
        const n = seen.get(track) ?? 0
        seen.set(track, n + 1)
        edit({ track, time: changed.readInt16BE(bodyStart + 1), n }, changed.subarray(bodyStart, bodyEnd))
      }
      at = bodyEnd
    }
  }
  walk(0, bytes.length)
  return changed
}

function readElement(bytes: Buffer, at: number, end: number): { id: string; bodyStart: number; bodyEnd: number } {
  const idLength = Math.clz32(bytes[at] ?? 0) - 23
  const sizeAt = at + idLength
  const sizeLength = Math.clz32(bytes[sizeAt] ?? 0) - 23
  let size = (bytes[sizeAt] ?? 0) & (0xff >> sizeLength)
  let isUnknown = size === 0xff >> sizeLength
  for (let n = 1; n < sizeLength; n++) {
    size = size * 256 + (bytes[sizeAt + n] ?? 0)
    isUnknown &&= bytes[sizeAt + n] === 0xff
  }
  const bodyStart = sizeAt + sizeLength
  const id = bytes.toString('hex', at, sizeAt)
  return { id, bodyStart, bodyEnd: isUnknown ? end : Math.min(end, bodyStart + size) }
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}
