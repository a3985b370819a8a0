import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { MediadError } from '../../vocabulary/errors.ts'
import { quoteWord } from './package.ts'

/**
 * Adds to the error of a config that lacks a variable how to read the environment of a daemon that runs with `--local`, if
 * its file is in the working directory or beside the config. Returns any other error unchanged.
 */
export function adviseOnEnvironment(error: unknown, { cwd, file }: { cwd: string; file: string }): unknown {
  if (!(error instanceof MediadError) || !/the environment variable \S+ is not set/.test(error.message)) return error
  const found = [cwd, dirname(file)].map((folder) => join(folder, '.mediad-data/env')).find((path) => existsSync(path))
  if (found === undefined) return error
  const advice = `A daemon that runs with --local has written them to a file. Read it first: . ${quoteWord(relative(cwd, found))}`
  return new MediadError(error.code, `${error.message}\n${advice}`, { cause: error })
}
