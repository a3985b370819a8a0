import { spawn, type ChildProcess } from 'node:child_process'
import { toMessage } from '../vocabulary/errors.ts'

/** How a process ended; `error` is set when it could not be started. */
export type Exit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly error: Error | null
}

export type StartRequest = {
  program: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** Working directory; default that of the daemon. */
  folder?: string | undefined
  /** Default: standard output is discarded. */
  onStdout?: (chunk: Buffer) => void
  onStderr: (chunk: Buffer) => void
}

/** A process in a process group of its own. Its output is always read, because a full pipe would block it. */
export type Running = {
  /** Undefined while it is not known, and when the process could not be started. */
  processId(): number | undefined
  /** Sends a signal to the process and its descendants, unless it has ended: a configured command can start ffmpeg as a child. */
  signal(name: NodeJS.Signals): void
  /** Resolves when the process has ended and its output is read. Never rejects. */
  readonly exit: Promise<Exit>
}

export type Start = (request: StartRequest) => Running

/** How long output is read after the exit: a grandchild can keep the pipe open for longer. */
export const OUTPUT_GRACE_MS = 1000

/**
 * Options of every process: it leads a process group of its own, because Ctrl-C in a terminal sends SIGINT to the whole group
 * of the daemon, and running jobs may finish.
 */
export const ownGroup = { detached: true } as const

/** Starts a process as a child of this one. Never throws: a process that cannot be started is reported by `exit`. */
export const startDirectly: Start = (request) => {
  const { promise, resolve } = Promise.withResolvers<Exit>()
  const child = spawnChild(request, (error) => resolve({ code: null, signal: null, error }))
  // Node creates no streams when a process cannot be started for lack of file descriptors, although its types say otherwise
  child?.stdout?.on('data', request.onStdout ?? (() => undefined))
  child?.stderr?.on('data', request.onStderr)
  child?.once('exit', () =>
    setTimeout(() => {
      child.stdout?.destroy()
      child.stderr?.destroy()
    }, OUTPUT_GRACE_MS).unref(),
  )
  child?.once('close', (code, signal) => resolve({ code, signal, error: null }))
  return {
    processId: () => child?.pid,
    signal(name) {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      signalGroup(child.pid, name)
    },
    exit: promise,
  }
}

/** Sends a signal to a process group. Returns false if it has no process. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it has just ended
    return false
  }
}

/** Spawns the process. Node throws some failures and emits others as an event; `onError` gets both. */
function spawnChild(request: StartRequest, onError: (error: Error) => void): ChildProcess | null {
  const { program, args, env, folder, onStdout } = request
  const stdout = onStdout ? 'pipe' : 'ignore'
  try {
    return spawn(program, args, { ...ownGroup, env, cwd: folder, stdio: ['ignore', stdout, 'pipe'] }).once(
      'error',
      onError,
    )
  } catch (error) {
    onError(error instanceof Error ? error : new Error(toMessage(error)))
    return null
  }
}
