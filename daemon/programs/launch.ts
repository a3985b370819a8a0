import { spawn, type ChildProcess } from 'node:child_process'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { createTail, type Tail } from './stderr.ts'

/** How a process ended; `error` is set when it could not be started. */
export type Exit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error: Error | null
}

export type Launched = {
  /** Null when the process could not be started. */
  readonly child: ChildProcess | null
  readonly stderr: Tail
  /** Resolves when the process has ended and its stderr is read. Never rejects. */
  readonly exit: Promise<Exit>
}

/** How long stderr is read after the exit: a grandchild can keep the pipe open for longer. */
const STDERR_GRACE_MS = 1000

export type Launch = {
  program: string
  options: readonly string[]
  env: NodeJS.ProcessEnv
  /** Working directory. */
  folder: string
  /** Called with the first 500 characters of every line of stderr. */
  onLine: (line: string) => void
}

/**
 * Starts a program and reads its stderr in bounded memory. Stderr is always drained, because a full pipe would block the
 * program. Never throws: a process that cannot be started is reported by `exit`.
 */
export function launch(request: Launch): Launched {
  const stderr = createTail(request.onLine)
  const { promise, resolve } = Promise.withResolvers<Exit>()
  const child = spawnChild(request, (error) => resolve({ code: null, signal: null, error }))
  child?.stderr?.setEncoding('utf8').on('data', (chunk: string) => stderr.write(chunk))
  child?.once('exit', () => setTimeout(() => child.stderr?.destroy(), STDERR_GRACE_MS).unref())
  child?.once('close', (code, signal) => resolve({ code, signal, error: null }))
  return { child, stderr, exit: promise }
}

/** Returns the error for a process that could not be started. */
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

/**
 * Sends a signal to a process of {@link launch} or {@link capture} and to its descendants, unless it has ended. A configured
 * `ffmpeg.command` can start ffmpeg as a child.
 */
export function signalGroup(child: ChildProcess | null, signal: NodeJS.Signals): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it has just ended
  }
}

/**
 * Options of every process: it leads a process group of its own, because Ctrl-C in a terminal sends SIGINT to the whole group
 * of the daemon, and running jobs may finish.
 */
export const ownGroup = { detached: true } as const

/** Spawns the process. Node throws some failures and emits others as an event; `onError` gets both. */
function spawnChild({ program, options, env, folder }: Launch, onError: (error: Error) => void): ChildProcess | null {
  try {
    return spawn(program, options, { ...ownGroup, env, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }).once(
      'error',
      onError,
    )
  } catch (error) {
    onError(error instanceof Error ? error : new Error(toMessage(error)))
    return null
  }
}
