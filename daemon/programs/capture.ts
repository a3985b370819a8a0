import { startDirectly, type Start } from './start.ts'

export type CaptureOptions = {
  env: NodeJS.ProcessEnv
  /** Working directory; default that of the daemon. */
  folder?: string
  /** The process is killed after this many seconds. */
  seconds: number
  /** The process is killed when it prints more than this to stdout or to stderr; default 16 MiB. */
  maxBytes?: number
  signal?: AbortSignal | undefined
  /** Default: a child of this process. */
  start?: Start
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
  const { env, folder, seconds, maxBytes = MAX_BYTES, signal, start = startDirectly } = options
  signal?.throwIfAborted()
  let stopped: 'timeout' | 'overflow' | null = null
  const stop = (why: typeof stopped) => {
    stopped ??= why
    running.signal('SIGKILL')
  }
  const stdout = createCollector(maxBytes, () => stop('overflow'))
  const stderr = createCollector(maxBytes, () => stop('overflow'))
  const running = start({ program, args, env, folder, onStdout: stdout.add, onStderr: stderr.add })
  const abort = () => stop(null)
  signal?.addEventListener('abort', abort, { once: true })
  const timer = setTimeout(() => stop('timeout'), seconds * 1000)
  const end = await running.exit
  clearTimeout(timer)
  signal?.removeEventListener('abort', abort)
  signal?.throwIfAborted()
  if (end.error !== null) throw new CaptureError('start', { stderr: stderr.text(), cause: end.error })
  if (stopped === null && end.code === 0) return { stdout: stdout.text(), stderr: stderr.text() }
  const why = stopped ?? (end.signal === null ? 'exit' : 'signal')
  throw new CaptureError(why, { signal: end.signal, stderr: stderr.text() })
}

/** Collects up to `maxBytes` bytes of output. */
function createCollector(maxBytes: number, onOverflow: () => void) {
  const chunks: Buffer[] = []
  let bytes = 0
  return {
    add(chunk: Buffer): void {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else onOverflow()
    },
    text: () => Buffer.concat(chunks).toString(),
  }
}
