import { spawn, type ChildProcess } from 'node:child_process'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { createTail, type Tail } from './stderr.ts'

/** How a process ended; `error` when it never began. */
export type Exit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error: Error | null
}

export type Launched = {
  /** Absent when the process never began. */
  readonly child: ChildProcess | null
  readonly stderr: Tail
  /** Resolves once the process is gone and its stderr read; never rejects. */
  readonly exit: Promise<Exit>
}

/** What it left open (by a grandchild) must not be waited for. */
const STDERR_GRACE_MS = 1000

export type Launch = {
  program: string
  options: readonly string[]
  env: NodeJS.ProcessEnv
  /** Where it works: what it writes under a plain name lies there. */
  folder: string
  /** Gets every line of stderr, the first 500 characters of each. */
  onLine: (line: string) => void
}

/**
 * Starts a program of which only stderr is read: always drained, because a full pipe would block it for ever, and in
 * bounded memory. Never throws: that a process cannot be started is one of its endings.
 */
export function launch(request: Launch): Launched {
  const stderr = createTail(request.onLine)
  const { promise, resolve } = Promise.withResolvers<Exit>()
  const child = begin(request, (error) => resolve({ code: null, signal: null, error }))
  child?.stderr?.setEncoding('utf8').on('data', (chunk: string) => stderr.write(chunk))
  child?.once('exit', () => setTimeout(() => child.stderr?.destroy(), STDERR_GRACE_MS).unref())
  child?.once('close', (code, signal) => resolve({ code, signal, error: null }))
  return { child, stderr, exit: promise }
}

/** The error for a process that could not be started. */
export function toLaunchError(program: string, error: Error): MediadError {
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

/** Some failures are thrown, some are events, and some of those come without the streams. */
function begin({ program, options, env, folder }: Launch, failed: (error: Error) => void): ChildProcess | null {
  try {
    return spawn(program, options, { env, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }).once('error', failed)
  } catch (error) {
    failed(error instanceof Error ? error : new Error(toMessage(error)))
    return null
  }
}
