import { createHash } from 'node:crypto'

const MIB = 1024 * 1024

/** A file that the page makes: cheap to make, and different in every MiB. */
export type Content = { readonly name: string; readonly sizeBytes: number; readonly seed: number }

/** Makes the bytes of a file: each MiB has the seed and its number in front of zeros. */
export function* makeContent({ sizeBytes, seed }: Content): Generator<Buffer> {
  for (let at = 0; at < sizeBytes; at += MIB) {
    const piece = Buffer.alloc(Math.min(MIB, sizeBytes - at))
    piece.writeUInt32LE(seed)
    piece.writeUInt32LE(at / MIB, 4)
    yield piece
  }
}

/** Returns the SHA-256 of bytes that arrive in pieces. */
export async function hash(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const sha256 = createHash('sha256')
  for await (const piece of pieces) sha256.update(piece)
  return sha256.digest('hex')
}
