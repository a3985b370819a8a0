import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { quote } from '../../daemon/programs/shell.ts'
import { temporaryFolder } from './folder.ts'
import { until } from './wait.ts'

const root = join(import.meta.dirname, '../..')

export type MediadOptions = {
  /** Environment variables, in addition to those of the test except the ones that start with `AWS_` or `MEDIAD_`. */
  env?: Readonly<Record<string, string>>
  /** Working directory. Default: a temporary folder of the process. */
  cwd?: string
  /**
   * Text of a `media.config.ts`, passed with `--config`. It can import `mediad` and `mediad/plugins`. Another file name can be
   * given: for `.mjs`, Node need not start its TypeScript parser.
   */
  config?: string | { readonly name: string; readonly text: string }
  /** Starts it in the foreground of a terminal of its own; see {@link Mediad.press}. Default false. */
  terminal?: boolean
  /** Arguments of Node that select the program. Default: the source of mediad. */
  program?: readonly string[]
}

/** A line of output. A JSON line has its fields too: `event`, `level`, `msg`, … */
export type Entry = {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly level?: string
  /** Event name of a log line. */
  readonly event?: string
  readonly msg?: string
  readonly [field: string]: unknown
}

/** Returns the code of the `error` of a line. */
export function readErrorCode({ error }: Entry): string | undefined {
  return (error as { code?: string } | undefined)?.code
}

/** Exit code, or the signal that ended the process. */
export type ExitStatus = number | NodeJS.Signals

export type Mediad = {
  readonly pid: number
  /** Temporary folder of the process. `tmp/` in it is its TMPDIR. */
  readonly folder: string
  /** All lines of output so far, in order. */
  readonly entries: readonly Entry[]
  /** URL of the HTTP endpoint. Throws until the daemon has started, see {@link Mediad.started}. */
  readonly url: string
  /** Waits until the daemon has started, and returns its URL. */
  started(seconds?: number): Promise<string>
  /**
   * Waits for a line with this `event`, or one that the predicate accepts, and returns it. Includes earlier lines.
   * @throws Error with the last lines of output when the process ends before, or after `seconds` (90)
   */
  waitFor(wanted: string | ((entry: Entry) => boolean), seconds?: number): Promise<Entry>
  signal(name: NodeJS.Signals): void
  /** Presses keys in the terminal of the process, such as `'\x03'` for Ctrl-C. */
  press(keys: string): void
  /** Resolves when the process has ended and all its output is read. */
  readonly ended: Promise<ExitStatus>
  /**
   * Sends a signal (default: SIGTERM) and waits for the end of the process.
   * @throws Error with the last lines of output when it has not ended within `seconds` (90)
   */
  stop(signal?: NodeJS.Signals, seconds?: number): Promise<ExitStatus>
  /** Sends SIGKILL, like the crash of a machine. */
  kill(): Promise<void>
} & AsyncDisposable

/**
 * Starts `mediad ARGS` as a process; `await using` ends it. It has its own TMPDIR, and its log level is `debug` unless `env`
 * sets another.
 */
export async function startMediad(args: readonly string[], options: MediadOptions = {}): Promise<Mediad> {
  const folder = await temporaryFolder()
  const followed = follow(await launch(folder.path, args, options), `mediad ${args.join(' ')}`)
  const { child, entries, ended, waitFor, waitForEnd, kill } = followed
  return {
    pid: child.pid ?? Number.NaN,
    folder: folder.path,
    entries,
    get url() {
      return toUrl(entries.find(({ event }) => event === 'daemon.started'))
    },
    started: async (seconds) => toUrl(await waitFor('daemon.started', seconds)),
    waitFor,
    signal: (name) => void child.kill(name),
    press: (keys) => void child.stdin?.write(keys),
    ended,
    stop(signal = 'SIGTERM', seconds) {
      child.kill(signal)
      return waitForEnd(`has ended after ${signal}`, seconds)
    },
    kill,
    async [Symbol.asyncDispose]() {
      await kill()
      // its ffmpeg ends too, but can create one more file before
      await rm(folder.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}

async function launch(folder: string, args: readonly string[], options: MediadOptions) {
  const { env = {}, cwd = folder, config, program = ['--conditions=source', join(root, 'daemon/main.ts')] } = options
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const configArgs = config === undefined ? [] : ['--config', await writeConfig(folder, config)]
  // the test runner looks for the folder in command lines, to find processes that a crashed test left
  const command = [process.execPath, `--diagnostic-dir=${folder}`, ...program, ...args, ...configArgs]
  const [name = '', ...words] = options.terminal === true ? inTerminal(command) : command
  return spawn(name, words, {
    cwd,
    env: { ...inherited(), MEDIAD_LOG_LEVEL: 'debug', TMPDIR: temporary, ...env },
    stdio: [options.terminal === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>
}

/** Returns a command that runs another one in a terminal with `script` (util-linux). Its output does not go there: it is JSON. */
function inTerminal(command: readonly string[]): string[] {
  const quoted = command.map(quote).join(' ')
  return ['script', '--quiet', '--flush', '--command', `${quoted} 2>&1 | { trap '' INT; cat; }`, '/dev/null']
}

function follow(child: ChildProcessByStdio<Writable | null, Readable, Readable>, name: string) {
  const entries: Entry[] = []
  for (const stream of ['stdout', 'stderr'] as const)
    createInterface({ input: child[stream] }).on('line', (text) => entries.push(toEntry(stream, withoutEcho(text))))
  let exitStatus: ExitStatus | undefined
  const { promise: ended, resolve, reject } = Promise.withResolvers<ExitStatus>()
  const killNow = () => void child.kill('SIGKILL')
  process.once('exit', killNow)
  child.once('error', reject)
  child.once('close', (code, signal) => {
    process.off('exit', killNow)
    resolve((exitStatus = code ?? signal ?? 'SIGKILL'))
  })
  const wait = async <T>(what: string, probe: () => T, seconds?: number): Promise<NonNullable<T>> => {
    try {
      return await until(`${name} ${what}`, probe, seconds)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${toTail(entries)}`, { cause: error })
    }
  }
  return {
    child,
    entries,
    ended,
    waitFor(wanted: string | ((entry: Entry) => boolean), seconds?: number) {
      const isWanted = typeof wanted === 'string' ? ({ event }: Entry) => event === wanted : wanted
      const find = () => {
        const found = entries.find(isWanted)
        if (found || exitStatus === undefined) return found
        throw new Error(`${name} ended with ${exitStatus} and did not log ${String(wanted)}`)
      }
      return wait(`logs ${String(wanted)}`, find, seconds)
    },
    async waitForEnd(how: string, seconds?: number) {
      await wait(how, () => exitStatus !== undefined, seconds)
      return ended
    },
    async kill() {
      killNow()
      await ended
    },
  }
}

/** Returns the variables in lines of the form `export NAME='value'`, which `mediad local` prints. */
export function readExports(entries: readonly Entry[]): Record<string, string> {
  const lines = entries.map(({ text }) => /^export (\w+)='(.*)'$/.exec(text)).filter((match) => match !== null)
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value.replaceAll(`'\\''`, "'")]))
}

/** Writes the config, and a link to this repository as the package `mediad`, which the config imports. */
async function writeConfig(folder: string, config: NonNullable<MediadOptions['config']>): Promise<string> {
  const { name, text } = typeof config === 'string' ? { name: 'media.config.ts', text: config } : config
  const file = join(folder, name)
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  await symlink(root, join(modules, 'mediad'))
  await writeFile(file, text)
  return file
}

function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:AWS|MEDIAD)_/.test(name)))
}

/** Removes the echo of keys that a terminal puts in front of the next line. */
const withoutEcho = (line: string): string => line.replace(/^(?:\^[A-Z])+/, '')

function toEntry(stream: Entry['stream'], text: string): Entry {
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields === 'object' && fields !== null) return { ...fields, stream, text }
  } catch {
    // not a JSON line
  }
  return { stream, text }
}

function toUrl(entry: Entry | undefined): string {
  if (typeof entry?.url !== 'string') throw new Error('the daemon has not started')
  return entry.url
}

function toTail(entries: readonly Entry[]): string {
  return entries
    .slice(-15)
    .map(({ stream, text }) => `  ${stream}: ${text.slice(0, 600)}`)
    .join('\n')
}
