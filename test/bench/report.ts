import { toSpread, type Spread } from './statistics.ts'

/** The result of one measure. */
export type Result = {
  /** What is measured, in words. */
  readonly measure: string
  /** What it is compared with; absent when it stands alone. */
  readonly against?: string
  /** The value, with its unit if it has one. */
  readonly value: string
  /** What must be reached, such as `≤ 1.15`. */
  readonly target?: string
  /** Whether it is; absent for a measure without a target. */
  readonly reached?: boolean
  /** How it came about: medians, ranges, numbers of rounds. */
  readonly detail: string
}

/** A limit that a value is compared with. */
export type Target = { readonly atMost: number } | { readonly atLeast: number }

/** Returns the fields of a result for a value and its target. */
export function judge(value: number, target: Target, format: (value: number) => string) {
  const [sign, limit] = 'atMost' in target ? ['≤', target.atMost] : ['≥', target.atLeast]
  const reached = 'atMost' in target ? value <= limit : value >= limit
  return { value: format(value), target: `${sign} ${format(limit)}`, reached } as const
}

export const toRatio = (value: number): string => value.toFixed(2)
export const toMs = (value: number): string => `${value.toFixed(0)} ms`
export const toSeconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} s`
export const toMib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`

/** Returns text such as `12.30 s (12.10–12.90)`. */
export function toRange(values: readonly number[], format: (value: number) => string): string {
  const { median, min, max }: Spread = toSpread(values)
  return values.length === 1 ? format(median) : `${format(median)} (${format(min)}–${format(max)})`
}

/** Renders results as a Markdown table. */
export function toTable(results: readonly Result[]): string {
  const header = ['measure', 'against', 'result', 'target', 'reached', 'detail']
  const rows = results.map(({ measure, against, value, target, reached, detail }) => [
    measure,
    against ?? '–',
    value,
    target ?? '–',
    reached === undefined ? '–' : reached ? 'yes' : 'no',
    detail,
  ])
  return [toLine(header), toLine(header.map(() => '---')), ...rows.map(toLine)].join('\n')
}

const toLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** Replaces the text between the two comments of a measure on a page. */
export function insertTable(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- bench ${name} -->`, `<!-- end of bench ${name} -->`]
  const [head, rest] = page.split(start)
  const tail = rest?.split(end)[1]
  if (head === undefined || tail === undefined) throw new Error(`the page has no ${start} … ${end}`)
  return `${head}${start}\n\n${text}\n\n${end}${tail}`
}
