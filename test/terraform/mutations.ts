import { readFileSync } from 'node:fs'

/** A defect in a module, and the run of `terraform/tests` (or the check of the graph) that must detect it. */
export type Mutation = {
  readonly name: string
  /** Path below `terraform/`. */
  readonly file: string
  /** Text to replace. The file must contain it exactly once. */
  readonly find: string
  readonly put: string
  /** `file › run`, or `graph`. */
  readonly detectedBy: string
}

/** The mutations of mutations.txt. */
export const mutations: readonly Mutation[] = parse(readFileSync(new URL('mutations.txt', import.meta.url), 'utf8'))

function parse(text: string): Mutation[] {
  const [, ...files] = text.split(/^== /m)
  return files.flatMap((part) => {
    const [file = '', ...blocks] = part.trimEnd().split('\n\n')
    return blocks.map((block) => {
      const [title = '', ...lines] = block.split('\n')
      const [what = '', detectedBy = ''] = title.split(' => ')
      return { name: `${file}: ${what}`, file, find: pick(lines, '-'), put: pick(lines, '+'), detectedBy }
    })
  })
}

function pick(lines: readonly string[], mark: string): string {
  const marked = lines.filter((line) => line.startsWith(mark))
  return marked.map((line) => line.slice(2)).join('\n')
}
