import Table from 'cli-table3'
import type { MediaSummary, Output } from '../vocabulary/job.ts'

export type Column = {
  readonly name: string
  readonly align?: 'right'
  /**
   * Where the table is too wide, columns with a low number give way to those with a high one; a column without a number is
   * always shown.
   */
  readonly drop?: number
  /** Where the table is too wide, long cells lose their middle before a column is left out. */
  readonly shorten?: boolean
}

const outputColumns: readonly Column[] = [
  { name: 'key', shorten: true },
  { name: 'kind', drop: 3 },
  { name: 'dimensions', align: 'right', drop: 4 },
  { name: 'duration', align: 'right', drop: 2 },
  { name: 'size', align: 'right', drop: 5 },
  { name: 'codec', drop: 6 },
  { name: 'seconds', align: 'right', drop: 1 },
]

/** Renders the outputs of a job as a table that fits the width. */
export function toTable(outputs: readonly Output[], width?: number): string {
  const rows = outputs.map(({ key, kind, media = {}, copied, sizeBytes, seconds }) => [
    key,
    kind,
    media.width === undefined ? '–' : `${media.width}×${media.height}`,
    media.durationSeconds === undefined ? '–' : `${media.durationSeconds.toFixed(2)} s`,
    toSize(sizeBytes),
    toCodecs(media, copied),
    seconds.toFixed(1),
  ])
  return toGrid(outputColumns, rows, width)
}

/** Returns the codecs and which of them were copied: `h264 (copied) + aac`. An image has a format instead. */
function toCodecs(media: MediaSummary, copied: Output['copied'] = []): string {
  const { codec, audioCodec, format, width, durationSeconds } = media
  if (codec === undefined) return (durationSeconds === undefined ? format : undefined) ?? '–'
  const isAudio = width === undefined
  const tracks = { video: isAudio ? undefined : codec, audio: isAudio ? codec : audioCodec }
  return (['video', 'audio'] as const)
    .flatMap((track) => (tracks[track] === undefined ? [] : [`${tracks[track]}${toMark(copied.includes(track))}`]))
    .join(' + ')
}

const toMark = (isCopied: boolean): string => (isCopied ? ' (copied)' : '')

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** Formats a number of bytes: 1536 → `1.5 KiB`. */
export function toSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`
}

/**
 * Renders rows as a table of at most `width` characters (default: any width): shortens cells of the columns that allow it,
 * leaves out columns, and names them below, then breaks the cells of the widest column. Control characters in cells are
 * escaped.
 */
export function toGrid(columns: readonly Column[], rows: readonly (readonly string[])[], width = Infinity): string {
  const full = rows.map((row) => row.map(toPlain))
  if (!columns.some(({ shorten }) => shorten)) return toFittingGrid(columns, full, width)
  const all = new Set(columns)
  if (countColumns(render(columns, full, { shown: all })) <= width) return render(columns, full, { shown: all })
  const short = shortenCells(columns, full, SHORT_CELL)
  const grid = toFittingGrid(columns, short, width)
  // the room that is left over shows more of the cells
  const spare = width - countColumns(grid)
  return spare > 0 ? toFittingGrid(columns, shortenCells(columns, full, SHORT_CELL + spare), width) : grid
}

/** Shortened cells keep at least this much of their text. */
const SHORT_CELL = 20

function shortenCells(columns: readonly Column[], rows: readonly (readonly string[])[], limit: number): string[][] {
  return rows.map((row) => row.map((cell, n) => (columns[n]?.shorten ? shortenMiddle(cell, limit) : cell)))
}

/** Replaces the middle of text that is wider than `limit` by an ellipsis: `origin_0f3c…ote.mp4`. */
export function shortenMiddle(text: string, limit: number): string {
  const units = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment)
  const widths = units.map(measure)
  if (widths.reduce((sum, one) => sum + one, 0) <= limit) return text
  let [from, to] = [0, units.length]
  for (let left = limit - 1; ;) {
    const isHead = from <= units.length - to
    left -= widths[isHead ? from : to - 1] ?? 0
    if (left < 0) return `${units.slice(0, from).join('')}…${units.slice(to).join('')}`
    if (isHead) from++
    else to--
  }
}

function toFittingGrid(columns: readonly Column[], cells: readonly (readonly string[])[], width: number): string {
  const fits = (shown: ReadonlySet<Column>) => countColumns(render(columns, cells, { shown })) <= width
  const shown = new Set(columns.filter(({ drop }) => drop === undefined))
  const optional = columns.filter(({ drop }) => drop !== undefined).toSorted((a, b) => (b.drop ?? 0) - (a.drop ?? 0))
  for (const column of optional) if (fits(new Set([...shown, column]))) shown.add(column)
  const grid = render(columns, cells, { shown })
  const excess = countColumns(grid) - width
  return `${excess > 0 ? render(columns, cells, { shown, excess }) : grid}${listHidden(columns, shown)}`
}

/** The border and the padding of a cell, and the least width that remains for its text. */
const FRAME = 2
const LEAST_CELL = 12

type Choice = {
  shown: ReadonlySet<Column>
  /** Characters by which the widest column is made narrower. */ excess?: number
}

function render(columns: readonly Column[], cells: readonly (readonly string[])[], { shown, excess }: Choice): string {
  const kept = [...columns.keys()].filter((n) => shown.has(columns[n] as Column))
  const rows = cells.map((row) => kept.map((n) => row[n] ?? ''))
  const head = kept.map((n) => columns[n]?.name ?? '')
  const widths = excess === undefined ? [] : toWidths([head, ...rows], excess)
  const table = new Table({
    head,
    style: { head: [], border: [] },
    colAligns: kept.map((n) => columns[n]?.align ?? 'left'),
    ...(excess !== undefined && {
      colWidths: widths,
      wordWrap: true,
      wrapOnWordBoundary: hasNarrowWords(rows, widths),
    }),
  })
  table.push(...rows)
  return table.toString()
}

/** Returns a width for the widest column, and null for the others, which keep theirs. */
function toWidths(rows: readonly (readonly string[])[], excess: number): (number | null)[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => measure(row[n] ?? ''))))
  const widest = widths.indexOf(Math.max(...widths))
  return widths.map((width, n) => (n === widest ? Math.max(LEAST_CELL, width + FRAME - excess) : null))
}

/** Returns whether all words fit in the columns, so that cells can be broken between words. */
function hasNarrowWords(rows: readonly (readonly string[])[], widths: readonly (number | null)[]): boolean {
  return rows.every((row) =>
    row.every((cell, n) => cell.split(' ').every((word) => measure(word) + FRAME <= (widths[n] ?? Infinity))),
  )
}

/** Returns the width of text in a terminal, as the table calculates it. */
function measure(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length
  const table = new Table({ style: { head: [], border: [] } })
  table.push([text])
  return countColumns(table.toString()) - FRAME - 2
}

/** Counts the columns of a table by its border, which has characters of width 1 only. */
const countColumns = (grid: string): number => grid.split('\n', 1)[0]?.length ?? 0

function listHidden(columns: readonly Column[], shown: ReadonlySet<Column>): string {
  const hidden = columns.filter((column) => !shown.has(column)).map(({ name }) => name)
  return hidden.length === 0 ? '' : `\nNot shown in this width: ${hidden.join(', ')}`
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
