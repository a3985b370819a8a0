import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { MediadError } from '../errors.ts'

const run = promisify(execFile)

const CHECK_SECONDS = 10

/** ffmpeg and ffprobe, found and tried, behind wrappers that make them safe to start. */
export type Programs = {
  /** Path of a wrapper that takes ffmpeg's arguments. */
  readonly ffmpeg: string
  /** Path of a wrapper that takes ffprobe's arguments. */
  readonly ffprobe: string
  /** ffmpeg's own, e.g. `5.1.9-0+deb12u1`. */
  readonly version: string
  /** Whether they end when the daemon is killed; false where `setpriv --pdeathsig` is missing (it is Linux only). */
  readonly dieWithDaemon: boolean
  /** Names of the encoders this ffmpeg has, e.g. `libx264`. Asked for once. */
  encoders(): Promise<ReadonlySet<string>>
}

export type OpenProgramsOptions = {
  /** A path, or a name to be found on PATH. */
  ffmpegPath: string
  ffprobePath: string
  /** Where the wrappers are written; it must live as long as they are used. */
  directory: string
}

/**
 * Finds both programs, wraps each in a one-line script, and runs each once. The wrapper gives them an empty environment
 * (no credentials, no FFREPORT), a lower priority than the daemon's, and lets them die with the daemon.
 *
 * @throws MediadError `config.ffmpeg` when one is missing, cannot be run, is no ffmpeg, or does not answer within 10 s.
 */
export async function openPrograms({ ffmpegPath, ffprobePath, directory }: OpenProgramsOptions): Promise<Programs> {
  const [dieWithDaemon, canBeNice] = await Promise.all([
    works('setpriv', ['--pdeathsig', 'KILL', '--', 'true']),
    works('nice', ['-n', '10', 'true']),
  ])
  const wrap = async (name: string, program: string) => {
    const path = join(directory, name)
    await writeFile(path, toWrapper({ program: await find(program), dieWithDaemon, canBeNice }), { mode: 0o700 })
    return path
  }
  const ffmpeg = await wrap('ffmpeg', ffmpegPath)
  const ffprobe = await wrap('ffprobe', ffprobePath)
  const version = await askVersion(ffmpeg, 'ffmpeg', ffmpegPath)
  await askVersion(ffprobe, 'ffprobe', ffprobePath)
  let encoders: Promise<ReadonlySet<string>> | undefined
  return { ffmpeg, ffprobe, version, dieWithDaemon, encoders: () => (encoders ??= askEncoders(ffmpeg)) }
}

/** The encoders in the output of `ffmpeg -encoders`: lines such as ` V....D libx264   libx264 H.264 …`. */
export function parseEncoders(text: string): ReadonlySet<string> {
  const names = text.matchAll(/^ [VAS][A-Z.]{5} ([\w-]+) /gm)
  return new Set(Array.from(names, (match) => match[1] ?? ''))
}

/**
 * The death signal is sent when the parent ends after it was asked for; a daemon that was killed before that is noticed
 * by the shell in between, which goes on only under its living parent. `exec` all the way: one process, one id.
 */
function toWrapper(parts: { program: string; dieWithDaemon: boolean; canBeNice: boolean }): string {
  const command = `${parts.canBeNice ? 'nice -n 10 ' : ''}${quote(parts.program)} "$@"`
  const guarded = `[ "$PPID" = ${process.pid} ] && exec "$@"`
  const tied = parts.dieWithDaemon ? `setpriv --pdeathsig KILL -- sh -c ${quote(guarded)} sh ` : ''
  return `#!/bin/sh\nexec env -i PATH="$PATH" LC_ALL=C ${tied}${command}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

async function works(program: string, options: string[]): Promise<boolean> {
  try {
    await run(program, options, { timeout: CHECK_SECONDS * 1000, killSignal: 'SIGKILL' })
    return true
  } catch {
    return false // missing, or without that option (busybox): the wrappers do without it
  }
}

async function find(program: string): Promise<string> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const candidates = program.includes('/') ? [resolve(program)] : folders.map((folder) => join(folder, program))
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate
  throw refuse(program, program.includes('/') ? 'there is no program of that path' : 'it is not on PATH')
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false // the caller says that it was not found
  }
}

async function askVersion(wrapper: string, name: string, program: string): Promise<string> {
  const output = await ask(wrapper, ['-version']).catch((error: unknown) => {
    const hung = error instanceof Error && 'killed' in error && error.killed === true
    throw refuse(program, hung ? `it does not answer within ${CHECK_SECONDS} s` : 'it cannot be run', error)
  })
  const version = new RegExp(`^${name} version (\\S+)`).exec(output)?.[1]
  if (version === undefined) throw refuse(program, `it does not introduce itself as ${name}`)
  return version
}

async function askEncoders(wrapper: string): Promise<ReadonlySet<string>> {
  const output = await ask(wrapper, ['-hide_banner', '-encoders']).catch((error: unknown) => {
    throw refuse('ffmpeg', 'it does not list its encoders', error)
  })
  return parseEncoders(output)
}

async function ask(wrapper: string, options: string[]): Promise<string> {
  const { stdout } = await run(wrapper, options, { timeout: CHECK_SECONDS * 1000, killSignal: 'SIGKILL' })
  return stdout
}

function refuse(program: string, why: string, cause?: unknown): MediadError {
  return new MediadError(
    'config.ffmpeg',
    `cannot use "${program}": ${why}; install ffmpeg (it brings ffprobe), or set the path to it`,
    { cause },
  )
}
