import Table from 'cli-table3'
import type { Output } from '../vocabulary/job.ts'

/** Renders the outputs of a job as a table. */
export function toTable(outputs: readonly Output[]): string {
  const table = new Table({
    head: ['key', 'kind', 'dimensions', 'duration', 'size', 'codec', 'seconds'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left', 'right'],
  })
  for (const { key, kind, media = {}, sizeBytes, seconds } of outputs) {
    const { width, height, durationSeconds, codec, audioCodec } = media
    table.push([
      key,
      kind,
      width === undefined ? '–' : `${width}×${height}`,
      durationSeconds === undefined ? '–' : `${durationSeconds.toFixed(2)} s`,
      toSize(sizeBytes),
      [codec, audioCodec].filter(Boolean).join(' + ') || '–',
      seconds.toFixed(1),
    ])
  }
  return table.toString()
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** Formats a number of bytes: 1536 → `1.5 KiB`. */
export function toSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`
}

/** Renders rows as a table. Control characters in cells are escaped. */
export function toGrid(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] } })
  for (const row of rows) table.push(row.map(toPlain))
  return table.toString()
}

/** Renders fields as lines of name and value, with the values aligned. */
export function toLines(fields: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(fields).map(({ length }) => length))
  return Object.entries(fields)
    .map(([name, value]) => `${name.padEnd(width)}  ${toPlain(value)}`)
    .join('\n')
}

/** Escapes characters that control a terminal; keys and program output can contain any character. */
export function toPlain(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Formats a number of seconds, rounded down: 90 → `1 min`. */
export function toAge(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
