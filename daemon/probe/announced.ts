import { open } from 'node:fs/promises'

/** Enough for the first objects of an ASF file. */
const HEAD_BYTES = 8192
/** What recorders write that do not know yet. */
const UNKNOWN = 0xffff_ffff

/** https://learn.microsoft.com/en-us/windows/win32/medfound/asf-file-structure: the objects' GUIDs, as they lie in a file. */
const ASF_HEADER = Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex')
const ASF_FILE_PROPERTIES = Buffer.from('a1dcab8c47a9cf118ee400c00c205365', 'hex')
/** In the file properties: GUID (16), the object's size (8), a GUID of the file (16), then the file's size (8). */
const ASF_SIZE_OFFSET = 40

/**
 * How long a file says it is, in bytes: AVI and WAV in the first bytes (RIFF), WMV and WMA in their properties. Null for
 * other files, and for those that do not know. MP4s are told by their boxes, Matroska by its demuxer.
 */
export async function readDeclaredBytes(path: string): Promise<number | null> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
  const head = buffer.subarray(0, bytesRead)
  if (head.length >= 12 && head.toString('latin1', 0, 4) === 'RIFF') return toSize(head.readUInt32LE(4), 8)
  if (!head.subarray(0, 16).equals(ASF_HEADER)) return null
  const at = head.indexOf(ASF_FILE_PROPERTIES)
  if (at < 0 || at + ASF_SIZE_OFFSET + 8 > head.length) return null
  return toSize(Number(head.readBigUInt64LE(at + ASF_SIZE_OFFSET)), 0)
}

function toSize(bytes: number, more: number): number | null {
  return bytes === 0 || bytes === UNKNOWN ? null : bytes + more
}
