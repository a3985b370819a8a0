import { inflateSync } from 'node:zlib'
import type { ColourProfile } from '../../vocabulary/media.ts'
import { readAt, type OpenFile } from '../bytes.ts'
import { parseProfile } from './icc.ts'

/** Largest profile that is read, in bytes, and the number of segments or chunks searched for it. */
const MAX_BYTES = 2 ** 20
const MAX_STEPS = 1000

const PNG = Buffer.from('89504e470d0a1a0a', 'hex')

/**
 * Reads the colour profile of a JPEG, PNG or WebP image; null when it has none, or one that needs no conversion. Never throws
 * because of the content.
 */
export async function readProfile(file: OpenFile): Promise<ColourProfile | null> {
  const head = await readAt(file, 0, 16)
  const bytes = await findProfile(file, head)
  return bytes === null ? null : parseProfile(bytes)
}

async function findProfile(file: OpenFile, head: Buffer): Promise<Buffer | null> {
  if (head.length < 16) return null
  if (head.readUInt16BE(0) === 0xffd8) return await readJpeg(file)
  if (head.subarray(0, 8).equals(PNG)) return await readPng(file)
  return head.toString('latin1', 8, 12) === 'WEBP' ? await readWebp(file) : null
}

/** Bytes of an APP2 segment before its part of the profile: the name with a zero, the number of the part and of all parts. */
const PART_HEADER = 14

/** Joins the parts of the profile in the APP2 segments, in the order of their numbers (ICC.1:2022, B.4). */
async function readJpeg(file: OpenFile): Promise<Buffer | null> {
  const parts = new Map<number, Buffer>()
  let left = MAX_BYTES
  for (let at = 2, steps = 0; steps < MAX_STEPS; steps++) {
    const head = await readAt(file, at, 4 + PART_HEADER)
    if (head.length < 4 || head[0] !== 0xff) break
    const [, marker] = head
    const length = head.readUInt16BE(2)
    if (marker === 0xda || length < 2) break // the start of the scan
    if (marker === 0xe2 && head.toString('latin1', 4, 16) === 'ICC_PROFILE\0' && length > 2 + PART_HEADER) {
      left -= length
      if (left < 0) return null
      parts.set(head[16] ?? 0, await readAt(file, at + 4 + PART_HEADER, length - 2 - PART_HEADER))
    }
    at += 2 + length
  }
  const ordered = [...parts].toSorted(([a], [b]) => a - b)
  return parts.size === 0 ? null : Buffer.concat(ordered.map(([, part]) => part))
}

/** Reads `iCCP`, which comes before the image data: a name, a zero, the method, and the compressed profile. */
async function readPng(file: OpenFile): Promise<Buffer | null> {
  for (let at = 8, steps = 0; steps < MAX_STEPS; steps++) {
    const head = await readAt(file, at, 8)
    if (head.length < 8) return null
    const [length, type] = [head.readUInt32BE(0), head.toString('latin1', 4, 8)]
    if (type === 'IDAT') return null
    if (type === 'iCCP') return inflate(await readAt(file, at + 8, Math.min(length, MAX_BYTES)))
    at += 12 + length
  }
  return null
}

function inflate(chunk: Buffer): Buffer | null {
  const start = chunk.indexOf(0) + 2
  try {
    return start < 2 ? null : inflateSync(chunk.subarray(start), { maxOutputLength: MAX_BYTES })
  } catch {
    return null // the profile is corrupt or too large
  }
}

/** Reads the `ICCP` chunk of an extended WebP. Chunks have an even length. */
async function readWebp(file: OpenFile): Promise<Buffer | null> {
  for (let at = 12, steps = 0; steps < MAX_STEPS; steps++) {
    const head = await readAt(file, at, 8)
    if (head.length < 8) return null
    const length = head.readUInt32LE(4)
    if (head.toString('latin1', 0, 4) === 'ICCP') return await readAt(file, at + 8, Math.min(length, MAX_BYTES))
    at += 8 + length + (length % 2)
  }
  return null
}
