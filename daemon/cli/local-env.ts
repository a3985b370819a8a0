import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quote } from '../programs/shell.ts'
import type { Local } from '../local/local.ts'

/** Renders the environment of the embedded S3 and SQS for a POSIX shell to source. */
export function renderLocalEnvironment({ env, unset }: Pick<Local, 'env' | 'unset'>, bucket: string): string {
  const lines = Object.entries({ ...env, MEDIAD_BUCKET: bucket }).map(
    ([name, value]) => `export ${name}=${quote(value)}`,
  )
  return [`unset ${unset.join(' ')}`, ...lines, ''].join('\n')
}

/**
 * Writes the environment to the file `env` of the data folder, for commands in other terminals. The file exists while the
 * servers run, because their ports can differ each time.
 *
 * @returns the path of the file, and a function that removes it
 */
export async function writeLocalEnvironment(data: string, text: string): Promise<LocalEnvironment> {
  const file = join(data, 'env')
  await writeFile(file, text, { mode: 0o600 })
  return { file, remove: () => rm(file, { force: true }) }
}

export type LocalEnvironment = { readonly file: string; remove(): Promise<void> }
