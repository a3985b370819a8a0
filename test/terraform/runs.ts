import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type RunResult = { readonly status: string; readonly errors: readonly string[] }

/** Returns every `run` of a folder of Terraform tests, as `file › run`. */
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

/** Returns the status and the errors of each run, from the output of `terraform test -json`. */
export function toResults(json: string): Map<string, RunResult> {
  const results = new Map<string, { status: string; errors: string[] }>()
  for (const { type, test_run, diagnostic, ...line } of toLines(json)) {
    if (line['@testrun'] === undefined) continue
    const file = line['@testfile']?.replace(/^tests\/|\.tftest\.hcl$/g, '')
    const run = `${file} › ${line['@testrun']}`
    const result = results.get(run) ?? { status: 'unknown', errors: [] }
    results.set(run, result)
    if (type === 'test_run' && test_run?.progress === 'complete') result.status = test_run.status ?? 'unknown'
    if (diagnostic?.severity === 'error') result.errors.push(`${diagnostic.summary}: ${diagnostic.detail}`)
  }
  return results
}

function toLines(json: string): Line[] {
  return json
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
}
