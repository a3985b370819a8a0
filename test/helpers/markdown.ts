import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A fenced code block. Its marks are in an HTML comment before it, which readers do not see:
 * `<!-- test run until="grep -q x y" file=a.ts -->`.
 */
export type Block = {
  readonly page: string
  /** Line number of the opening fence, from 1. */
  readonly line: number
  /** Language of the fence; empty when it has none. */
  readonly language: string
  readonly text: string
  /** Marks by name. A mark without a value is an empty string. */
  readonly marks: Readonly<Record<string, string>>
}

export type Table = {
  /** Heading of the section, without `#`. */
  readonly heading: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export type Page = {
  /** Path in the repository. */
  readonly file: string
  /** Text outside of code blocks. */
  readonly prose: string
  readonly blocks: readonly Block[]
  readonly tables: readonly Table[]
  /** Anchors of the headings, as GitHub creates them. */
  readonly anchors: readonly string[]
  /** Targets of links, as written. */
  readonly links: readonly string[]
}

export type Docs = {
  readonly pages: readonly Page[]
  page(file: string): Page
  /** Returns the only table of a page with this first column, in the section with this heading if given. */
  table(file: string, firstColumn: string, heading?: string): Table
  /** Returns the text of the only block of a page with this mark. */
  marked(file: string, mark: string, value?: string): string
}

/** Reads all documentation pages of the repository. Requests for a page, table or block that does not exist throw. */
export function readDocs(root: string): Docs {
  const files = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'terraform/**/*.md'], { cwd: root }).toSorted()
  const pages = files.map((file) => toPage(file, readFileSync(join(root, file), 'utf8')))
  const page = (file: string) =>
    only(
      pages.filter((one) => one.file === file),
      file,
    )
  return {
    pages,
    page,
    table(file, firstColumn, heading) {
      const isWanted = (table: Table) =>
        table.head[0] === firstColumn && (heading === undefined || table.heading === heading)
      return only(page(file).tables.filter(isWanted), `table with the first column "${firstColumn}" in ${file}`)
    },
    marked(file, mark, value = '') {
      const blocks = page(file).blocks.filter(({ marks }) => marks[mark] === value)
      return only(blocks, `block with the mark ${mark} in ${file}`).text
    },
  }
}

export function toPage(file: string, text: string): Page {
  const { prose, blocks } = separate(file, text)
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return { file, prose, blocks, tables: toTables(prose), anchors: headings.map(toAnchor), links }
}

/** Returns the texts in backticks of a cell, an item or a page. */
export function toCodes(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}

function only<T>(found: readonly T[], what: string): T {
  const [one, ...more] = found
  if (one === undefined || more.length > 0) throw new Error(`expected one ${what}, found ${found.length}`)
  return one
}

type Line = { readonly text: string; readonly number: number }

function separate(page: string, text: string): { prose: string; blocks: Block[] } {
  const blocks: Block[] = []
  const prose: string[] = []
  let marks: Record<string, string> = {}
  let open: { fence: Line; language: string; lines: string[] } | null = null
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(\w*)$/.exec(line)
    if (open === null && fence === null) {
      const mark = /^<!-- test (.+) -->$/.exec(line)
      if (mark?.[1] !== undefined) marks = toMarks(mark[1])
      else if (line.trim() !== '') marks = {}
      prose.push(line)
    } else if (open === null) {
      open = { fence: { text: line, number: index + 1 }, language: fence?.[1] ?? '', lines: [] }
    } else if (line === '```') {
      const { language, lines } = open
      blocks.push({ page, line: open.fence.number, language, text: `${lines.join('\n')}\n`, marks })
      open = null
      marks = {}
    } else open.lines.push(line)
  }
  if (open !== null) throw new Error(`${page}, line ${open.fence.number}: the code block has no closing fence`)
  return { prose: prose.join('\n'), blocks }
}

function toMarks(text: string): Record<string, string> {
  const marks = [...text.matchAll(/([\w-]+)(?:=(?:"([^"]*)"|(\S+)))?/g)]
  return Object.fromEntries(marks.map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']))
}

function toTables(prose: string): Table[] {
  const tables: { heading: string; head: string[]; rows: string[][] }[] = []
  let heading = ''
  let before = ''
  for (const line of prose.split('\n')) {
    heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading
    const isRow = line.startsWith('|')
    if (isRow && /^\|[\s:|-]+\|$/.test(line)) tables.push({ heading, head: toCells(before), rows: [] })
    else if (isRow && before.startsWith('|')) tables.at(-1)?.rows.push(toCells(line))
    before = line
  }
  return tables
}

/** Splits a row at its pipes, except at escaped ones (`\|`), which stay as they are. */
function toCells(row: string): string[] {
  return row
    .slice(1, row.lastIndexOf('|'))
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
}

/** Lower case, dashes for spaces, no punctuation: https://docs.github.com/en/get-started/writing-on-github */
function toAnchor(heading: string): string {
  const plain = heading.replaceAll(/&\w+;/g, '').toLowerCase()
  return plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')
}
