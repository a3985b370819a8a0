import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { temporaryFolder } from './folder.ts'
import { until } from './wait.ts'

const root = join(import.meta.dirname, '../..')

export type MediadOptions = {
  /** Laid over the environment of the test, of which nothing that starts with `AWS_` or `MEDIAD_` is handed on. */
  env?: Readonly<Record<string, string>>
  /** Default: a folder of its own, gone with the process. */
  cwd?: string
  /** The text of a `media.config.ts`; it may import `mediad` and `mediad/plugins`, and is given with `--config`. */
  config?: string
  /** What Node runs; default: the source. */
  program?: readonly string[]
}

/** A line of output; one that is JSON has its fields too: `event`, `level`, `msg`, … */
export type Entry = {
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
  readonly level?: string
  /** Name of what a line of the log reports. */
  readonly event?: string
  readonly msg?: string
  readonly [field: string]: unknown
}

/** The code of a line's `error`. */
export function readErrorCode({ error }: Entry): string | undefined {
  return (error as { code?: string } | undefined)?.code
}

/** An exit code, or the signal that ended the process. */
export type ExitStatus = number | NodeJS.Signals

export type Mediad = {
  readonly pid: number
  /** Its own folder: `tmp/` in it is the process's TMPDIR. */
  readonly folder: string
  /** All its lines so far, in the order they came. */
  readonly entries: readonly Entry[]
  /** Of the HTTP endpoint. Throws until the daemon has started, see {@link Mediad.started}. */
  readonly url: string
  /** Waits until a daemon says that it has started; gives its URL. */
  started(seconds?: number): Promise<string>
  /**
   * The first line, of those there were already too, that has this `event` or fulfils the predicate.
   * @throws Error with the last lines of output when the process ends before, or after `seconds` (90)
   */
  waitFor(wanted: string | ((entry: Entry) => boolean), seconds?: number): Promise<Entry>
  signal(name: NodeJS.Signals): void
  /** Resolves when the process has ended and all its output is here. */
  readonly ended: Promise<ExitStatus>
  /**
   * Sends a signal (SIGTERM) and waits for the end.
   * @throws Error with the last lines of output when it has not ended within `seconds` (90)
   */
  stop(signal?: NodeJS.Signals, seconds?: number): Promise<ExitStatus>
  /** As a machine that dies: SIGKILL, and nothing is tidied up. */
  kill(): Promise<void>
} & AsyncDisposable

/**
 * Starts `mediad ARGS` as a process of its own; `await using` ends it in any case. It has a TMPDIR of its own, and logs
 * from `debug` on unless `env` says otherwise.
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
    ended,
    stop(signal = 'SIGTERM', seconds) {
      child.kill(signal)
      return waitForEnd(`ends after ${signal}`, seconds)
    },
    kill,
    async [Symbol.asyncDispose]() {
      await kill()
      // its ffmpeg dies with it, but may make one more file before
      await rm(folder.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    },
  }
}

async function launch(folder: string, args: readonly string[], options: MediadOptions) {
  const { env = {}, cwd = folder, config, program = ['--conditions=source', join(root, 'daemon/main.ts')] } = options
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const configArgs = config === undefined ? [] : ['--config', await writeConfig(folder, config)]
  // the folder is on the command line so that the runner finds a process that a crashed test has left
  return spawn(process.execPath, [`--diagnostic-dir=${folder}`, ...program, ...args, ...configArgs], {
    cwd,
    env: { ...inherited(), MEDIAD_LOG_LEVEL: 'debug', TMPDIR: temporary, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function follow(child: ChildProcessByStdio<null, Readable, Readable>, name: string) {
  const entries: Entry[] = []
  for (const stream of ['stdout', 'stderr'] as const)
    createInterface({ input: child[stream] }).on('line', (text) => entries.push(toEntry(stream, text)))
  let ending: ExitStatus | undefined
  const { promise: ended, resolve, reject } = Promise.withResolvers<ExitStatus>()
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  child.once('error', reject)
  child.once('close', (code, signal) => {
    process.off('exit', end)
    resolve((ending = code ?? signal ?? 'SIGKILL'))
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
        if (found || ending === undefined) return found
        throw new Error(`${name} ended with ${ending} and never said ${String(wanted)}`)
      }
      return wait(`says ${String(wanted)}`, find, seconds)
    },
    async waitForEnd(how: string, seconds?: number) {
      await wait(how, () => ending !== undefined, seconds)
      return ended
    },
    async kill() {
      end()
      await ended
    },
  }
}

/** The variables in lines as `mediad local` prints them: `export NAME='value'`. */
export function readExports(entries: readonly Entry[]): Record<string, string> {
  const lines = entries.map(({ text }) => /^export (\w+)='(.*)'$/.exec(text)).filter((match) => match !== null)
  return Object.fromEntries(lines.map(([, name = '', value = '']) => [name, value.replaceAll(`'\\''`, "'")]))
}

/** Outside of the repository nothing is called `mediad`: a link to it is, and Node takes a link for what it points to. */
async function writeConfig(folder: string, text: string): Promise<string> {
  await mkdir(join(folder, 'node_modules'))
  await symlink(root, join(folder, 'node_modules/mediad'))
  const file = join(folder, 'media.config.ts')
  await writeFile(file, text)
  return file
}

function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:AWS|MEDIAD)_/.test(name)))
}

function toEntry(stream: Entry['stream'], text: string): Entry {
  try {
    const fields: unknown = JSON.parse(text)
    if (typeof fields === 'object' && fields !== null) return { ...fields, stream, text }
  } catch {
    // a line for people
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
