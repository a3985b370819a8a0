import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'

/**
 * Returns the path of a program: a path as it is, or a name that is looked up on PATH.
 *
 * @throws MediadError `config.ffmpeg` when there is no such program
 */
export async function findProgram(program: string, option?: 'ffmpeg.command'): Promise<string> {
  const folders = (readPath().PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const candidates = program.includes('/') ? [resolve(program)] : folders.map((folder) => join(folder, program))
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate
  const why = program.includes('/') ? 'there is no executable file at this path' : 'it is not on PATH'
  throw option === undefined ? programError(program, why) : commandError(program, why)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false // the caller reports that the program was not found
  }
}

/** The part of this process's environment that the programs get. */
export const readPath = (): { PATH: string | undefined } => ({ PATH: process.env.PATH })

/** Variables of this process by name, for the drivers of hardware encoders. */
export const readVariables = (names: readonly string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(names.map((name) => [name, process.env[name]]))

export function programError(program: string, why: string, cause?: unknown): MediadError {
  return new MediadError(
    'config.ffmpeg',
    `cannot use "${program}": ${why}; install ffmpeg (with ffprobe), or set the path to it`,
    { cause },
  )
}

function commandError(program: string, why: string): MediadError {
  return new MediadError(
    'config.ffmpeg',
    `cannot use "${program}": ${why}; install it, or correct "ffmpeg.command" in the config`,
  )
}
