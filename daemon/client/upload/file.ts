import { ClientError } from '../errors.ts'
import { sizeOf } from './send.ts'

/** A file to upload: a `File` or `Blob`, or anything with a size that can be read in pieces. */
export type UploadFile = Blob | SlicedFile

/** A file that is not a Blob. */
export type SlicedFile = {
  /** Size in bytes, at least 1. */
  readonly size: number
  readonly name?: string
  /** Media type. */
  readonly type?: string
  /** Time of the last change, in milliseconds. */
  readonly lastModified?: number
  /** Returns the bytes from `start` up to, not including, `end`. It can be called several times for the same bytes. */
  slice(start: number, end: number): Promise<Blob | Uint8Array>
}

/** The properties by which a file is recognized when its upload continues in another session. */
export type FileIdentity = { readonly size: number; readonly name?: string; readonly lastModified?: number }

export function identify({ size, name, lastModified }: FileIdentity): FileIdentity {
  return { size, ...(name !== undefined && { name }), ...(lastModified !== undefined && { lastModified }) }
}

/** Returns whether both can be the same file: nothing that is known of both differs. */
export function isSameFile(a: FileIdentity, b: FileIdentity): boolean {
  return a.size === b.size && canEqual(a.name, b.name) && canEqual(a.lastModified, b.lastModified)
}

const canEqual = (a: unknown, b: unknown): boolean => a === undefined || b === undefined || a === b

/** Reads a part of a file, to be sent without a content type of its own. */
export async function readSlice(file: UploadFile, start: number, end: number): Promise<Blob | Uint8Array> {
  const bytes = await file.slice(start, end)
  if (sizeOf(bytes) === end - start) return bytes
  const detail = `The file has ${sizeOf(bytes)} bytes instead of ${end - start} from byte ${start} on. It was changed.`
  throw new ClientError({ code: 'client.file_changed', detail })
}

/**
 * Checks that a Blob can still be read: a browser reports a file that was deleted or changed after it was selected like a
 * failure of the network.
 */
export async function checkReadable(file: UploadFile): Promise<void> {
  if (!(file instanceof Blob)) return
  await file
    .slice(0, 1)
    .arrayBuffer()
    .catch((cause: unknown) => {
      const detail = 'The file cannot be read any more. It was changed, moved or deleted.'
      throw new ClientError({ code: 'client.file_unreadable', detail, cause })
    })
}
