import { StringDecoder } from 'node:string_decoder'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { startDirectly, type Running, type Start } from './start.ts'
import { createTail, type Tail } from './printed/stderr.ts'

export type Launched = Running & { readonly stderr: Tail }

export type Launch = {
  program: string
  options: readonly string[]
  env: NodeJS.ProcessEnv
  /** Working directory. */
  folder: string
  /** Called with the first 500 characters of every line of stderr. */
  onLine: (line: string) => void
  start?: Start
}

/** Starts a program and reads its stderr in bounded memory. Never throws: a failed start is reported by `exit`. */
export function launch({ program, options, env, folder, onLine, start = startDirectly }: Launch): Launched {
  const stderr = createTail(onLine)
  const decoder = new StringDecoder('utf8')
  const onStderr = (chunk: Buffer) => stderr.write(decoder.write(chunk))
  return { ...start({ program, args: options, env, folder, onStderr }), stderr }
}

/** Returns the error for a process that could not be started. */
export function toLaunchError(program: string, error: Error): MediadError {
  if (error instanceof MediadError) return error
  const code = 'code' in error ? error.code : undefined
  const exhausted = ['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM'].includes(String(code))
  return exhausted
    ? new MediadError(
        'resource.memory',
        `${program} could not be started: this machine has run out of memory, processes or open files`,
        { cause: error },
      )
    : new MediadError('internal.ffmpeg', `${program} could not be started: ${toMessage(error)}`, { cause: error })
}
