import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Config } from '../config/schema.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { isTooOld, OLDEST_RELEASE } from './versions.ts'

const run = promisify(execFile)

/** For a program that hangs. One that is started behind `nice` on a busy machine has taken more than ten seconds. */
const ANSWER_SECONDS = 60

/** ffmpeg and ffprobe, found and tried, behind wrappers that make them safe to start. */
export type Programs = {
  /** Path of a wrapper that takes ffmpeg's arguments. */
  readonly ffmpeg: string
  /** Path of a wrapper that takes ffprobe's arguments. */
  readonly ffprobe: string
  /** ffmpeg's own, e.g. `5.1.9-0+deb12u1`. */
  readonly version: string
  /** ffprobe's own; not the same where the two come from different packages. */
  readonly probeVersion: string
  /** Whether they end when the daemon is killed; false where `setpriv --pdeathsig` is missing (it is Linux only). */
  readonly dieWithDaemon: boolean
  /** Names of the encoders this ffmpeg has, e.g. `libx264`. Requested until it is known. */
  encoders(): Promise<ReadonlySet<string>>
  /** Names of its decoders, e.g. `libvpx-vp9`. Requested until it is known. */
  decoders(): Promise<ReadonlySet<string>>
  /** Names of its filters, e.g. `zscale`. Requested until it is known. */
  filters(): Promise<ReadonlySet<string>>
}

export type OpenProgramsOptions = {
  /** A path, or a name to be found on PATH. */
  ffmpegPath: string
  ffprobePath: string
  /** Where the wrappers are written; it must live as long as they are used. */
  directory: string
  /** A program and its options that ffmpeg and ffprobe are started by, such as bubblewrap; default none. */
  command?: readonly string[]
  /** Address space each may take, where `prlimit` (util-linux) is there; default any. */
  memoryBytes?: number
  /** How long a program may take to answer a question about itself; default 60. */
  answerSeconds?: number
}

/** What a config says of the programs. */
export function toProgramOptions(config: Pick<Config, 'ffmpeg' | 'limits'>, directory: string): OpenProgramsOptions {
  const { path: ffmpegPath, probePath: ffprobePath, command } = config.ffmpeg
  return { ffmpegPath, ffprobePath, command, directory, memoryBytes: config.limits.memoryBytes }
}

/**
 * Finds both programs, wraps each in a one-line script, and runs each once. The wrapper gives them an empty environment
 * (no credentials, no FFREPORT), a lower priority than the daemon's (idle only, for the disk), a limit of memory, lets
 * them die with the daemon, and starts them behind `command`.
 *
 * @throws MediadError `config.ffmpeg` when one is missing, cannot be run, is no ffmpeg, is too old, or does not answer in
 * time.
 */
export async function openPrograms(options: OpenProgramsOptions): Promise<Programs> {
  const { ffmpegPath, ffprobePath, directory, answerSeconds = ANSWER_SECONDS } = options
  const starters = await findStarters(options)
  const wrap = async (name: string, program: string) => {
    const path = join(directory, name)
    await writeFile(path, toWrapper(await find(program), starters), { mode: 0o700 })
    return path
  }
  const ffmpeg = await wrap('ffmpeg', ffmpegPath)
  const ffprobe = await wrap('ffprobe', ffprobePath)
  const asked = { wrapper: ffmpeg, program: ffmpegPath, answerSeconds }
  const [version, probeVersion] = await Promise.all([
    askVersion(asked, 'ffmpeg'),
    askVersion({ ...asked, wrapper: ffprobe, program: ffprobePath }, 'ffprobe'),
  ])
  return {
    ffmpeg,
    ffprobe,
    version,
    probeVersion,
    dieWithDaemon: starters.tied,
    encoders: once(async () => parseCoders(await list(asked, 'encoders'))),
    decoders: once(async () => parseCoders(await list(asked, 'decoders'))),
    filters: once(async () => parseFilters(await list(asked, 'filters'))),
  }
}

/**
 * What the wrapper tells a configured command of a run, in place of `{workspace}` and `{input}`; the rest of the
 * environment is PATH.
 */
export function toRunEnvironment({ workspace, input }: { workspace: string; input: string }): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, MEDIAD_WORKSPACE: workspace, MEDIAD_INPUT: input }
}

/** The names in the output of `ffmpeg -encoders` and `-decoders`: lines such as ` V....D libx264   libx264 H.264 …`. */
export function parseCoders(text: string): ReadonlySet<string> {
  const names = text.matchAll(/^ [VAS][A-Z.]{5} ([\w-]+) /gm)
  return new Set(Array.from(names, (match) => match[1] ?? ''))
}

/** The filters in the output of `ffmpeg -filters`: lines such as ` TS scale             V->V       Scale the …`. */
export function parseFilters(text: string): ReadonlySet<string> {
  const names = text.matchAll(/^ [A-Z.]{2,3} ([\w-]+) +\S+->/gm)
  return new Set(Array.from(names, (match) => match[1] ?? ''))
}

type Starters = { readonly tied: boolean; readonly prefix: string }

/** Asks for what a Linux has and others have not; then what the config wants in front. */
async function findStarters({ command = [], memoryBytes }: OpenProgramsOptions): Promise<Starters> {
  const limit = `--as=${memoryBytes ?? 'unlimited'}`
  const [tied, nice, ionice, prlimit] = await Promise.all([
    works('setpriv', ['--pdeathsig', 'KILL', '--', 'true']),
    works('nice', ['-n', '10', 'true']),
    works('ionice', ['-c', '3', 'true']),
    works('prlimit', [limit, 'true']),
  ])
  const [program, ...options] = command
  const parts = [
    nice ? 'nice -n 10' : '',
    ionice ? 'ionice -c 3' : '',
    prlimit && memoryBytes !== undefined ? `prlimit ${limit}` : '',
    ...(program === undefined ? [] : [quote(await find(program, 'ffmpeg.command')), ...options.map(toWord)]),
  ]
  return { tied, prefix: parts.filter((part) => part !== '').join(' ') }
}

/**
 * The death signal is sent when the parent ends after it was asked for; a daemon that was killed before that is noticed
 * by the shell in between, which goes on only under its living parent. `exec` all the way: one process, one id.
 */
function toWrapper(program: string, { tied, prefix }: Starters): string {
  const command = `${prefix} ${quote(program)} "$@"`
  const guarded = `[ "$PPID" = ${process.pid} ] && exec "$@"`
  const tie = tied ? `setpriv --pdeathsig KILL -- sh -c ${quote(guarded)} sh ` : ''
  // each thread of glibc would reserve 64 MiB of addresses for an arena of its own
  return `#!/bin/sh\nexec env -i PATH="$PATH" LC_ALL=C MALLOC_ARENA_MAX=8 ${tie}${command}\n`
}

/** A word of the configured command, its places filled by the shell when it runs. */
function toWord(text: string): string {
  const variables: Record<string, string> = { '{workspace}': '"$MEDIAD_WORKSPACE"', '{input}': '"$MEDIAD_INPUT"' }
  const parts = text.split(/(\{workspace\}|\{input\})/).filter((part) => part !== '')
  return parts.map((part) => variables[part] ?? quote(part)).join('') || "''"
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

async function works(program: string, options: string[]): Promise<boolean> {
  try {
    await run(program, options, { timeout: ANSWER_SECONDS * 1000, killSignal: 'SIGKILL' })
    return true
  } catch {
    return false // missing, or without that option (busybox): the wrappers do without it
  }
}

async function find(program: string, option?: 'ffmpeg.command'): Promise<string> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const candidates = program.includes('/') ? [resolve(program)] : folders.map((folder) => join(folder, program))
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate
  const why = program.includes('/') ? 'there is no program of that path' : 'it is not on PATH'
  throw option === undefined ? refuse(program, why) : refuseStarter(program, why)
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false // the caller says that it was not found
  }
}

type Asked = { readonly wrapper: string; readonly program: string; readonly answerSeconds: number }

async function askVersion(asked: Asked, name: string): Promise<string> {
  const output = await ask(asked, ['-version'], 'it cannot be run')
  const version = new RegExp(`^${name} version (\\S+)`).exec(output)?.[1]
  if (version === undefined) throw refuse(asked.program, `it does not introduce itself as ${name}`)
  if (isTooOld(version))
    throw new MediadError(
      'config.ffmpeg',
      `"${asked.program}" is ${name} ${version}; mediad needs ${OLDEST_RELEASE} or newer: install a newer ffmpeg (it brings ffprobe), or set the path to one`,
    )
  return version
}

function list(asked: Asked, what: 'encoders' | 'decoders' | 'filters'): Promise<string> {
  return ask(asked, ['-hide_banner', `-${what}`], `it does not list its ${what}`)
}

/** Keeps what was made. A failure is not kept: a program that was too slow once is asked again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  const forget = (error: unknown) => {
    made = undefined
    throw error
  }
  return () => (made ??= make().catch(forget))
}

/** @param failure what is wrong with a program that ends badly. */
async function ask({ wrapper, program, answerSeconds }: Asked, options: string[], failure: string): Promise<string> {
  const folder = dirname(wrapper)
  const env = toRunEnvironment({ workspace: folder, input: folder })
  const limits = { timeout: answerSeconds * 1000, killSignal: 'SIGKILL' } as const
  try {
    return (await run(wrapper, options, { ...limits, env, cwd: folder })).stdout
  } catch (error) {
    const hung = error instanceof Error && 'killed' in error && error.killed === true
    throw refuse(program, hung ? `it does not answer within ${answerSeconds} s` : failure, error)
  }
}

function refuse(program: string, why: string, cause?: unknown): MediadError {
  return new MediadError(
    'config.ffmpeg',
    `cannot use "${program}": ${why}; install ffmpeg (it brings ffprobe), or set the path to it`,
    { cause },
  )
}

function refuseStarter(program: string, why: string): MediadError {
  return new MediadError(
    'config.ffmpeg',
    `cannot use "${program}": ${why}; install it, or correct "ffmpeg.command" in the config`,
  )
}
