import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** Bytes that are hashed at once: less than a millisecond of CPU time. */
const SLICE_BYTES = 256 * 1024

type Data = string | ArrayBuffer | ArrayBufferView

/**
 * The SHA-256 of the S3 client's signatures. The SDK's own hashes a part of a large upload, 8 MiB, at once, which blocks the
 * event loop for 25 ms and more; this one lets other work run in between.
 */
export class SlicedSha256 {
  readonly #hash: Hash | Hmac
  readonly #pending: Buffer[] = []

  constructor(secret?: Data) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', toBuffer(secret))
  }

  update(data: Data): void {
    this.#pending.push(toBuffer(data))
  }

  async digest(): Promise<Uint8Array> {
    for (const bytes of this.#pending) {
      for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
        if (at > 0) await setImmediate()
        this.#hash.update(bytes.subarray(at, at + SLICE_BYTES))
      }
    }
    return new Uint8Array(this.#hash.digest())
  }

  /** Part of the SDK's interface, for hashes that are used again. The signatures use each once. */
  reset(): never {
    throw new Error('a hash of a signature is used once')
  }
}

function toBuffer(data: Data): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}
