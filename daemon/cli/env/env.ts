import { chmod, chown, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import { mergeEnvironment } from './file.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { readOutputs } from './terraform.ts'

export type EnvOptions = {
  /** Folder of a Terraform root module with the output `env` and, optionally, `region`. */
  terraform: string
  file: string
}

/** `mediad env`: writes Terraform's outputs to a `.env` file, and keeps everything else in it. */
export async function env(terminal: Terminal, { terraform, file }: EnvOptions): Promise<0> {
  const values = await readOutputs(resolve(terraform))
  const path = await toRealPath(resolve(file))
  const before = await readText(path)
  const after = mergeEnvironment(before, values, file)
  if (after !== before) await replace(path, after)
  for (const [name, value] of Object.entries(values)) terminal.print(`${name}=${value}`, { file, name, value })
  return 0
}

/** Replaces the file atomically and keeps its owner and mode; a new file has mode 600. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const before = await stat(path).catch(() => null)
    await writeFile(temporary, text, { mode: 0o600 })
    if (before) await chown(temporary, before.uid, before.gid)
    if (before) await chmod(temporary, before.mode)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new MediadError('config.invalid', `cannot write ${path}: ${toMessage(error)}`, { cause: error })
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new MediadError('config.invalid', `cannot read ${path}: ${toMessage(error)}`, { cause: error })
  }
}

/** Follows symbolic links, so that the target is replaced and not the link. */
async function toRealPath(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    return path // the file does not exist yet
  }
}
