import { open } from 'node:fs/promises'
import { readTopBoxes } from '../streaming/boxes.ts'

/** Bytes from the start of the type of a `dOps` box to its pre-skip: the type, the version, and the number of channels. */
const PRE_SKIP_AT = 6

/**
 * Sets the pre-skip of an Opus track to 0. Nothing needs to be skipped, because the packet with the delay of the encoder was
 * dropped; players that apply the pre-skip would play the audio too early.
 */
export async function clearPreSkip(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  const moov = (await readTopBoxes(file)).find(({ type }) => type === 'moov')
  if (moov === undefined) return
  const bytes = Buffer.alloc(moov.sizeBytes)
  await file.read(bytes, 0, moov.sizeBytes, moov.offset)
  const found = bytes.indexOf('dOps')
  if (found >= 0) await file.write(Buffer.alloc(2), 0, 2, moov.offset + found + PRE_SKIP_AT)
}
