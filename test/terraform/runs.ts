import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Verdict = { readonly status: string; readonly said: readonly string[] }

/** Every `run` of a folder of Terraform tests, as `file › run`. */
export function readRuns(folder: string): string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.tftest.hcl'))
  return files.toSorted().flatMap((file) => {
    const names = readFileSync(join(folder, file), 'utf8').matchAll(/^run "(\w+)" \{$/gm)
    return [...names].map(([, name = '']) => `${file.replace('.tftest.hcl', '')} › ${name}`)
  })
}

type Line = {
  type: string
  '@testfile'?: string
  '@testrun'?: string
  test_run?: { status?: string; progress?: string }
  diagnostic?: { severity: string; summary: string; detail: string }
}

/** What became of each run, with what was complained of, from `terraform test -json`. */
export function toVerdicts(json: string): Map<string, Verdict> {
  const verdicts = new Map<string, { status: string; said: string[] }>()
  for (const { type, test_run, diagnostic, ...line } of toLines(json)) {
    if (line['@testrun'] === undefined) continue
    const file = line['@testfile']?.replace(/^tests\/|\.tftest\.hcl$/g, '')
    const run = `${file} › ${line['@testrun']}`
    const verdict = verdicts.get(run) ?? { status: 'unknown', said: [] }
    verdicts.set(run, verdict)
    if (type === 'test_run' && test_run?.progress === 'complete') verdict.status = test_run.status ?? 'unknown'
    if (diagnostic?.severity === 'error') verdict.said.push(`${diagnostic.summary}: ${diagnostic.detail}`)
  }
  return verdicts
}

function toLines(json: string): Line[] {
  return json
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
}
