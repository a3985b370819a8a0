import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { capture, CaptureError } from './capture.ts'
import { findProgram, programError, readPath, readVariables } from './find.ts'
import { hardwareVariables, toHardwareEnvironment } from './hardware.ts'
import { createLaunchers, type Launchers } from './launcher/launchers.ts'
import { startDirectly, type Start } from './start.ts'
import { isTooOld, OLDEST_RELEASE } from './versions.ts'
import { findPrefix, toWrapper, type Wrapped } from './wrapper.ts'

/** Timeout of a program that hangs. A program started behind `nice` on a busy machine has taken more than ten seconds. */
const ANSWER_SECONDS = 60

/** ffmpeg and ffprobe, found and checked, behind wrapper scripts that restrict them. */
export type Programs = {
  /** Path of the wrapper that takes ffmpeg's arguments. */
  readonly ffmpeg: string
  /** Path of the wrapper of ffmpeg for commands with a hardware encoder. */
  readonly hardwareFfmpeg: string
  /** Path of the wrapper that takes ffprobe's arguments. */
  readonly ffprobe: string
  /** Version of ffmpeg, such as `5.1.9-0+deb12u1`. */
  readonly version: string
  /** Version of ffprobe. It differs when the two programs come from different packages. */
  readonly probeVersion: string
  /** Starts a wrapper. */
  readonly start: Start
  /** Whether the programs end when the daemon is killed; false without `setpriv --pdeathsig`, which only Linux has. */
  readonly dieWithDaemon: boolean
  /** Returns the names of the encoders of this ffmpeg, such as `libx264`. Queries ffmpeg until one query succeeds. */
  encoders(): Promise<ReadonlySet<string>>
  /** Returns the names of the decoders, such as `libvpx-vp9`. Queries ffmpeg until one query succeeds. */
  decoders(): Promise<ReadonlySet<string>>
  /** Returns the names of the filters, such as `zscale`. Queries ffmpeg until one query succeeds. */
  filters(): Promise<ReadonlySet<string>>
  /** Ends the launchers. They also end with this process. */
  close(): void
}

export type OpenProgramsOptions = {
  /** Path, or a name to look up on PATH. */
  ffmpegPath: string
  /** Path, or a name to look up on PATH. */
  ffprobePath: string
  /** Folder for the wrappers. It must exist as long as they are used. */
  directory: string
  /** Program, with its options, that runs ffmpeg and ffprobe, such as bubblewrap; default none. */
  command?: readonly string[]
  /**
   * Limit of the address space of each process (with a hardware encoder: of its private writable memory), where `prlimit`
   * (util-linux) is installed; default no limit.
   */
  memoryBytes?: number
  /** Timeout in seconds of a query such as `-version`; default 60. */
  answerSeconds?: number
}

/** Returns the options of {@link openPrograms} for a config. */
export function toProgramOptions(config: Pick<Config, 'ffmpeg' | 'limits'>, directory: string): OpenProgramsOptions {
  const { path: ffmpegPath, probePath: ffprobePath, command } = config.ffmpeg
  return { ffmpegPath, ffprobePath, command, directory, memoryBytes: config.limits.memoryBytes }
}

/**
 * Finds both programs, writes a one-line wrapper script for each, and queries their versions. The wrapper sets an empty
 * environment (no credentials, no FFREPORT), a lower priority than the daemon's (for the disk: idle), the memory limit and
 * the death signal, and starts the program through `command`. A second wrapper of ffmpeg serves hardware encoders: it keeps the
 * variables that drivers read, and limits the data segment instead of the address space, in which CUDA reserves ranges as large
 * as the memory of all GPUs and of the machine.
 *
 * @throws MediadError `config.ffmpeg` when a program is missing, cannot be run, is not ffmpeg or ffprobe, is too old, or
 * does not answer in time.
 */
export async function openPrograms(options: OpenProgramsOptions): Promise<Programs> {
  const { ffmpegPath, ffprobePath, directory, answerSeconds = ANSWER_SECONDS } = options
  const prefix = await findPrefix(options)
  const wrap = async (name: string, program: string, changes: Partial<Wrapped> = {}) => {
    const path = join(directory, name)
    await writeFile(path, toWrapper({ ...prefix, program, ...changes }), { mode: 0o700 })
    return path
  }
  const found = { ffmpeg: await findProgram(ffmpegPath), ffprobe: await findProgram(ffprobePath) }
  const ffmpeg = await wrap('ffmpeg', found.ffmpeg)
  const hardware = { words: prefix.hardwareWords, variables: toHardwareEnvironment(readVariables(hardwareVariables)) }
  const hardwareFfmpeg = await wrap('ffmpeg-hardware', found.ffmpeg, hardware)
  const ffprobe = await wrap('ffprobe', found.ffprobe)
  // a launcher has the limits of software, so a run with a hardware encoder is started without one
  const programs = new Map([
    [ffmpeg, found.ffmpeg],
    [ffprobe, found.ffprobe],
  ])
  const launchers = prefix.canLaunch
    ? createLaunchers({ wrapper: await wrap('launcher', await findProgram('sh')), programs })
    : null
  const { start, close }: Launchers = launchers ?? { start: startDirectly, close: () => undefined }
  const target = { wrapper: ffmpeg, program: ffmpegPath, answerSeconds, start }
  const [version, probeVersion] = await Promise.all([
    queryVersion(target, 'ffmpeg'),
    queryVersion({ ...target, wrapper: ffprobe, program: ffprobePath }, 'ffprobe'),
  ])
  return {
    ffmpeg,
    hardwareFfmpeg,
    ffprobe,
    version,
    probeVersion,
    start,
    dieWithDaemon: prefix.diesWithDaemon,
    encoders: memoize(async () => parseCoders(await queryList(target, 'encoders'))),
    decoders: memoize(async () => parseCoders(await queryList(target, 'decoders'))),
    filters: memoize(async () => parseFilters(await queryList(target, 'filters'))),
    close,
  }
}

/**
 * Returns the environment of a wrapper: PATH, and the paths that it puts in place of `{workspace}` and `{input}` in the
 * configured command.
 */
export function toRunEnvironment({ workspace, input }: { workspace: string; input: string }): NodeJS.ProcessEnv {
  return { ...readPath(), MEDIAD_WORKSPACE: workspace, MEDIAD_INPUT: input }
}

/** Parses the names from `ffmpeg -encoders` or `-decoders`: lines such as ` V....D libx264   libx264 H.264 …`. */
export function parseCoders(text: string): ReadonlySet<string> {
  const names = text.matchAll(/^ [VAS][A-Z.]{5} ([\w-]+) /gm)
  return new Set(Array.from(names, (match) => match[1] ?? ''))
}

/** Parses the names from `ffmpeg -filters`: lines such as ` TS scale             V->V       Scale the …`. */
export function parseFilters(text: string): ReadonlySet<string> {
  const names = text.matchAll(/^ [A-Z.]{2,3} ([\w-]+) +\S+->/gm)
  return new Set(Array.from(names, (match) => match[1] ?? ''))
}

type Target = {
  readonly wrapper: string
  readonly program: string
  readonly answerSeconds: number
  readonly start: Start
}

async function queryVersion(target: Target, name: string): Promise<string> {
  const output = await query(target, ['-version'], 'it cannot be run')
  const version = new RegExp(`^${name} version (\\S+)`).exec(output)?.[1]
  if (version === undefined) throw programError(target.program, `its output for -version is not that of ${name}`)
  if (isTooOld(version))
    throw new MediadError(
      'config.ffmpeg',
      `"${target.program}" is ${name} ${version}; mediad needs ${OLDEST_RELEASE} or newer: install a newer ffmpeg (with ffprobe), or set the path to one`,
    )
  return version
}

function queryList(target: Target, what: 'encoders' | 'decoders' | 'filters'): Promise<string> {
  return query(target, ['-hide_banner', `-${what}`], `it does not list its ${what}`)
}

/** Caches the result of the first successful call. A failure is not cached: the next call tries again. */
function memoize<T>(load: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  const forget = (error: unknown) => {
    result = undefined
    throw error
  }
  return () => (result ??= load().catch(forget))
}

/**
 * Runs a program and returns its standard output.
 *
 * @param failure what to report when the program fails.
 */
async function query(
  { wrapper, program, answerSeconds, start }: Target,
  options: string[],
  failure: string,
): Promise<string> {
  const folder = dirname(wrapper)
  const env = toRunEnvironment({ workspace: folder, input: folder })
  try {
    return (await capture(wrapper, options, { env, folder, seconds: answerSeconds, start })).stdout
  } catch (error) {
    const hung = error instanceof CaptureError && error.end === 'timeout'
    throw programError(program, hung ? `it does not answer within ${answerSeconds} s` : failure, error)
  }
}
