import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import type { Check } from '../lifecycle/check.ts'
import { composeChecks } from '../composition/compose.ts'
import { loadConfig } from '../config/load.ts'
import { toMediadError } from '../vocabulary/errors.ts'
import { openPrograms, toProgramOptions, type Programs } from '../programs/programs.ts'
import type { Terminal } from '../terminal/terminal.ts'

/**
 * `mediad check`: runs the checks of a start and prints their results. Returns 2 if the config has to be corrected, 1 if another
 * check failed, such as a service that does not respond.
 */
export async function check(terminal: Terminal, options: { config?: string }): Promise<0 | 1 | 2> {
  const { config, file } = await loadConfig(options.config === undefined ? {} : { file: options.config })
  report(terminal, { name: 'config', found: `${file}: ${config.plugins.map(({ name }) => name).join(' → ')}` })
  const folder = await mkdtemp(join(tmpdir(), 'mediad-check-'))
  let programs: Promise<Programs> | undefined
  const open = () => (programs ??= openPrograms(toProgramOptions(config, folder)))
  const { checks, close } = composeChecks({ config, log: terminal.log, openPrograms: open })
  try {
    const codes: (string | null)[] = []
    for (const one of checks) codes.push(await runCheck(terminal, one))
    if (codes.every((code) => code === null)) return 0
    return codes.some((code) => code?.startsWith('config.')) ? 2 : 1
  } finally {
    close()
    await programs?.then((opened) => opened.close()).catch(() => undefined) // a failed check has reported it
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs one check and returns its error code, or null if it passed. */
async function runCheck(terminal: Terminal, { name, run }: Check): Promise<string | null> {
  try {
    const warnings: string[] = []
    report(terminal, { name, found: await run((message) => warnings.push(message)), warnings })
    return null
  } catch (thrown) {
    const error = toMediadError(thrown, 'internal.check')
    report(terminal, { name, problem: error.message })
    return error.code
  }
}

type Result = { name: string; found?: string; problem?: string; warnings?: readonly string[] }

function report(terminal: Terminal, result: Result): void {
  const { name, found, problem, warnings = [] } = result
  const mark = problem === undefined ? styleText('green', '✔') : styleText('red', '✘')
  const lines = warnings.map((warning) => `\n${styleText('yellow', '!')} ${''.padEnd(16)} ${warning}`)
  terminal.print(`${mark} ${name.padEnd(16)} ${found ?? problem ?? ''}${lines.join('')}`, {
    check: name,
    ok: problem === undefined,
    ...(found !== undefined && { found }),
    ...(problem !== undefined && { problem }),
    ...(warnings.length > 0 && { warnings }),
  })
}
