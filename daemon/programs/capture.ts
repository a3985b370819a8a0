import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import { ownGroup, signalGroup } from './launch.ts'

export type CaptureOptions = {
  env: NodeJS.ProcessEnv
  /** Working directory; default that of the daemon. */
  folder?: string
  /** The process is killed after this many seconds. */
  seconds: number
  /** The process is killed when it prints more than this to stdout or to stderr; default 16 MiB. */
  maxBytes?: number
  signal?: AbortSignal | undefined
}

export type Captured = { readonly stdout: string; readonly stderr: string }

/** Why a program did not exit with 0. `cause` is set when it could not be started. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  readonly end: 'exit' | 'signal' | 'timeout' | 'overflow' | 'start'
  readonly signal: NodeJS.Signals | null
  readonly stderr: string

  constructor(
    end: CaptureError['end'],
    { signal = null, stderr, cause }: { signal?: NodeJS.Signals | null; stderr: string; cause?: unknown },
  ) {
    super(`the program did not exit with 0: ${end}`, { cause })
    this.end = end
    this.signal = signal
    this.stderr = stderr
  }
}

const MAX_BYTES = 16 * 2 ** 20

/**
 * Runs a program to its end in a process group of its own, and returns what it printed.
 *
 * @throws CaptureError when it does not exit with 0; the signal's reason when that aborts.
 */
export async function capture(program: string, args: readonly string[], options: CaptureOptions): Promise<Captured> {
  const { seconds, maxBytes = MAX_BYTES, signal } = options
  signal?.throwIfAborted()
  const child = start(program, args, options)
  let stopped: 'timeout' | 'overflow' | null = null
  const stop = (why: typeof stopped) => {
    stopped ??= why
    signalGroup(child, 'SIGKILL')
  }
  const ended = waitForEnd(child) // listens for the error of a failed start, which is emitted next
  const stdout = collect(child.stdout, maxBytes, () => stop('overflow'))
  const stderr = collect(child.stderr, maxBytes, () => stop('overflow'))
  const abort = () => stop(null)
  signal?.addEventListener('abort', abort, { once: true })
  const timer = setTimeout(() => stop('timeout'), seconds * 1000)
  const end = await ended
  clearTimeout(timer)
  signal?.removeEventListener('abort', abort)
  signal?.throwIfAborted()
  if (end.cause !== undefined) throw new CaptureError('start', { stderr: stderr(), cause: end.cause })
  if (stopped === null && end.code === 0) return { stdout: stdout(), stderr: stderr() }
  const why = stopped ?? (end.signal === null ? 'exit' : 'signal')
  throw new CaptureError(why, { signal: end.signal, stderr: stderr() })
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Node throws some failures of a start, and emits others as an event. */
function start(program: string, args: readonly string[], { env, folder }: CaptureOptions): Child {
  try {
    return spawn(program, args, { ...ownGroup, env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (cause) {
    throw new CaptureError('start', { stderr: '', cause })
  }
}

type End = { code: number | null; signal: NodeJS.Signals | null; cause?: Error }

function waitForEnd(child: Child): Promise<End> {
  const { promise, resolve } = Promise.withResolvers<End>()
  child.once('error', (cause) => resolve({ code: null, signal: null, cause }))
  child.once('close', (code, signal) => resolve({ code, signal }))
  return promise
}

/**
 * Collects up to `maxBytes` bytes of output, and returns a function that reads them. Node creates no stream when a process
 * cannot be started for lack of file descriptors, although its types say otherwise.
 */
function collect(stream: Readable | undefined, maxBytes: number, onOverflow: () => void): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk)
    else onOverflow()
  })
  return () => Buffer.concat(chunks).toString()
}
