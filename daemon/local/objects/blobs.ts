import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { createReaders, openSlices, type Slice } from './readers.ts'
import { S3Error } from './s3rver.ts'

/** The digests that the sender declares for the content, by header name. */
export type Digests = Partial<Record<keyof typeof digesters, string>>

export type WrittenBlob = { readonly blob: string; readonly sizeBytes: number; readonly md5: string }

export type Blobs = {
  /**
   * Streams content into a new file. Removes the file after a truncated stream, an abort or a wrong digest.
   * @throws S3Error `BadDigest`, `XAmzContentSHA256Mismatch`
   */
  write(
    content: AsyncIterable<Buffer> | Readable,
    options?: { digests?: Digests; signal?: AbortSignal },
  ): Promise<WrittenBlob>
  /**
   * Reads slices one after another, with one file open at a time. They can be read to the end even when they are
   * removed meanwhile. The caller must read the stream to the end, or destroy it.
   */
  open(slices: readonly Slice[]): Readable
  /** Removes blobs. A blob that is being read is removed when its last reader has finished. */
  remove(blobs: readonly string[]): Promise<void>
  /** Removes blobs that are not in `used`: those of writes that a crash interrupted. */
  removeUnused(used: readonly string[]): Promise<void>
}

/** Opens the contents of objects and parts: immutable files with random names, so that no key becomes a path. */
export async function openBlobs(directory: string): Promise<Blobs> {
  await mkdir(directory, { recursive: true })
  const pathOf = (blob: string) => join(directory, blob)
  const erase = async (blobs: readonly string[]) => {
    await Promise.all(blobs.map((blob) => rm(pathOf(blob), { force: true })))
  }
  const readers = createReaders()
  const remove = (blobs: readonly string[]) => erase(readers.remove(blobs))

  async function write(
    content: AsyncIterable<Buffer> | Readable,
    { digests = {}, signal }: { digests?: Digests; signal?: AbortSignal } = {},
  ): Promise<WrittenBlob> {
    const blob = randomUUID()
    const measure = createMeasure(digests)
    try {
      const file = createWriteStream(pathOf(blob), { flags: 'wx' })
      await pipeline(content, measure.stream, file, ...(signal === undefined ? [] : [{ signal }]))
      return { blob, ...measure.result() }
    } catch (error) {
      await remove([blob])
      throw error
    }
  }

  return {
    write,
    open(slices) {
      const leave = readers.enter(slices.map(({ blob }) => blob))
      return openSlices(slices, { pathOf, release: () => erase(leave()) })
    },
    remove,
    async removeUnused(used) {
      const known = new Set(used)
      await remove((await readdir(directory)).filter((name) => !known.has(name)))
    },
  }
}

type Digester = { update(chunk: Buffer): void; digest(): string }

const digesters = {
  'x-amz-content-sha256': (): Digester => createDigester('sha256', 'hex'),
  'content-md5': (): Digester => createDigester('md5', 'base64'),
  'x-amz-checksum-sha1': (): Digester => createDigester('sha1', 'base64'),
  'x-amz-checksum-sha256': (): Digester => createDigester('sha256', 'base64'),
  'x-amz-checksum-crc32': (): Digester => createCrc32(),
}

/** Returns the digests that a request declares for its body. S3's other checksums (CRC32C, CRC64NVME) are not checked. */
export function toDigests(headers: Readonly<Record<string, string | undefined>>): Digests {
  const declared = Object.keys(digesters).flatMap((name) => {
    const value = headers[name]
    // The payload hash can also be a word, such as UNSIGNED-PAYLOAD.
    const isDigest = value !== undefined && (name !== 'x-amz-content-sha256' || /^[0-9a-f]{64}$/i.test(value))
    return isDigest ? [[name, value]] : []
  })
  return Object.fromEntries(declared) as Digests
}

function createMeasure(digests: Digests): { stream: Transform; result(): { sizeBytes: number; md5: string } } {
  const md5 = createHash('md5')
  const checks = Object.entries(digests).map(([name, expected]) => {
    return { name, expected, digester: digesters[name as keyof Digests]() }
  })
  let sizeBytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length
      md5.update(chunk)
      for (const { digester } of checks) digester.update(chunk)
      done(null, chunk)
    },
  })
  function result() {
    for (const { name, expected, digester } of checks) if (digester.digest() !== expected) throw digestError(name)
    return { sizeBytes, md5: md5.digest('hex') }
  }
  return { stream, result }
}

function digestError(name: string): S3Error {
  const message = `The ${name} you specified did not match what we received.`
  const code = name === 'x-amz-content-sha256' ? 'XAmzContentSHA256Mismatch' : 'BadDigest'
  return Object.assign(new S3Error(code, message), { status: 400 })
}

function createDigester(algorithm: string, encoding: 'hex' | 'base64'): Digester {
  const hash = createHash(algorithm)
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest(encoding) }
}

function createCrc32(): Digester {
  let sum = 0
  return {
    update(chunk) {
      sum = crc32(chunk, sum)
    },
    digest() {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(sum)
      return bytes.toString('base64')
    },
  }
}
