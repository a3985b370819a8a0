import { open } from 'node:fs/promises'

/** Number of bytes read from the start of a file: enough for the first objects of an ASF file. */
const HEAD_BYTES = 8192
/** The size that recorders write while they do not know it yet. */
const UNKNOWN = 0xffff_ffff

/** https://learn.microsoft.com/en-us/windows/win32/medfound/asf-file-structure: GUIDs of objects, in file byte order. */
const ASF_HEADER = Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex')
const ASF_FILE_PROPERTIES = Buffer.from('a1dcab8c47a9cf118ee400c00c205365', 'hex')
/** Offset of the file size in the file properties: after the GUID (16), the object size (8) and the file's GUID (16). */
const ASF_SIZE_OFFSET = 40

/**
 * Reads the size in bytes that the header of a file declares: the RIFF size of AVI and WAV, the file properties of ASF (WMV
 * and WMA). Returns null for other containers and for headers without a size. `readBoxes` finds truncated MP4 files,
 * ffmpeg's demuxer truncated Matroska files.
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

/** Adds the bytes that a size field does not count. Returns null for an unknown size. */
function toSize(bytes: number, uncounted: number): number | null {
  return bytes === 0 || bytes === UNKNOWN ? null : bytes + uncounted
}
