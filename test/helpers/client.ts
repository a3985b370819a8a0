/** What the tests of `mediad/client` share. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { FakeMediad, Fault, Route } from './fake-mediad.ts'
import { temporaryFolder } from './folder.ts'
import { makeVideo } from './media.ts'

/** Short pauses, and few attempts. */
export const retry = { attempts: 4, firstSeconds: 0.001, maxSeconds: 0.01 }
/** The size that the server suggests. */
export const partBytes = 4096
/** Sends every file in parts. */
export const inParts = { multipartAboveBytes: 0 }

/** A file of three parts, all of them different. */
export const bytes = Buffer.from(Array.from({ length: 3 * partBytes - 1000 }, (_, at) => (at * at) >> 8))

export const large = (content = bytes, name = 'holiday.mp4', lastModified = 1000): File =>
  new File([content], name, { type: 'video/mp4', lastModified })
export const small = (): File => new File(['hello'], 'small.mp4', { type: 'video/mp4' })

export type Faults = Partial<Record<Route, Fault[]>>

/** Fails the first requests of some routes, in this order. */
export function fail(server: FakeMediad, faults: Faults): void {
  server.before = ({ route }) => faults[route]?.shift()
}

/** Returns the error of a promise that rejects. */
export async function errorOf(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  const [result] = await Promise.allSettled([promise])
  assert.is(result.status, 'rejected')
  return (result as PromiseRejectedResult).reason
}

export function assertArrived(server: FakeMediad, key: string, expected: Uint8Array = bytes): void {
  assert.ok(server.objects.get(key)?.equals(expected), `${key} is not the file`)
  assert.is(server.objects.size, 1)
}

/** Makes a video of more than 10 MiB: an MP4 file, and a box of bytes that players skip. */
export async function makeLargeVideo(): Promise<Buffer> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'video.mp4')
  await makeVideo(path)
  const box = Buffer.alloc(10 * 2 ** 20)
  box.writeUInt32BE(box.length)
  box.write('free', 4)
  return Buffer.concat([await readFile(path), box])
}
