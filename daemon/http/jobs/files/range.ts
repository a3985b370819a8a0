/** The first and the last byte of a part of a file. */
export type ByteRange = { readonly first: number; readonly last: number }

/**
 * Parses a `range` header with one range, such as `bytes=0-499`, `bytes=500-` or `bytes=-500` (RFC 9110, 14.1.2). Returns null
 * for any other, for several ranges, and for a range outside the file: a server can ignore the header, and send all of it.
 */
export function parseRange(header: string, sizeBytes: number): ByteRange | null {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/i.exec(header.trim()) ?? []
  if (from === '' && to === '') return null
  const first = from === '' ? Math.max(0, sizeBytes - Number(to)) : Number(from)
  const last = Math.min(sizeBytes - 1, from === '' || to === '' ? Infinity : Number(to))
  return first <= last ? { first, last } : null
}
