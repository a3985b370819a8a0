import { capture } from './capture.ts'
import { findProgram, readPath } from './find.ts'
import { quote } from './shell.ts'

/** Timeout of the check of the Linux tools: on a busy machine, `nice` has taken more than ten seconds. */
const CHECK_SECONDS = 60

/** The restrictions of ffmpeg and ffprobe. */
export type Prefix = {
  /** Shell words in front of the program. */
  readonly words: string
  /** The same for runs with a hardware encoder. CUDA reserves address space, so only data is limited. */
  readonly hardwareWords: string
  readonly diesWithDaemon: boolean
  /** Whether a launcher can start the programs. It cannot set the placeholders of a configured command. */
  readonly canLaunch: boolean
}

export type PrefixOptions = { command?: readonly string[] | undefined; memoryBytes?: number | undefined }

/** Checks which of the Linux tools are installed, and appends the configured command. */
export async function findPrefix({ command = [], memoryBytes }: PrefixOptions): Promise<Prefix> {
  const tools = {
    'setpriv --pdeathsig KILL --': true,
    'nice -n 10': true,
    'ionice -c 3': true,
    [toLimit('as', memoryBytes)]: memoryBytes !== undefined,
    setsid: false,
  }
  const [setpriv, ...others] = Object.keys(tools)
  const working = await findWorking(Object.keys(tools))
  const [program, ...options] = command
  const parts = [
    ...others.filter((tool) => tools[tool] === true && working.has(tool)),
    ...(program === undefined ? [] : [quote(await findProgram(program, 'ffmpeg.command')), ...options.map(toWord)]),
  ]
  const [as, data] = (['as', 'data'] as const).map((resource) => toLimit(resource, memoryBytes))
  const hardwareParts = parts.map((part) => (part === as ? data : part))
  const diesWithDaemon = working.has(setpriv ?? '')
  const canLaunch = diesWithDaemon && working.has('setsid') && program === undefined
  return { diesWithDaemon, canLaunch, words: parts.join(' '), hardwareWords: hardwareParts.join(' ') }
}

function toLimit(resource: 'as' | 'data', memoryBytes: number | undefined): string {
  return `prlimit --${resource}=${memoryBytes ?? 'unlimited'}`
}

/** A program behind its restrictions. */
export type Wrapped = Pick<Prefix, 'diesWithDaemon' | 'words'> & {
  readonly program: string
  /** Assignments of more environment variables, as shell words that end with a space; default none. */
  readonly variables?: string
}

/**
 * Returns the text of a wrapper script. The kernel sends the death signal only when the parent ends after `setpriv` has
 * requested it, so a shell in between checks that the daemon is still the parent. Every step uses `exec`: the process id
 * stays the same.
 */
export function toWrapper({ program, diesWithDaemon, words, variables = '' }: Wrapped): string {
  const command = `${words} ${quote(program)} "$@"`
  const guarded = `[ "$PPID" = ${process.pid} ] && exec "$@"`
  const tie = diesWithDaemon ? `setpriv --pdeathsig KILL -- sh -c ${quote(guarded)} sh ` : ''
  // by default, glibc reserves 64 MiB of address space for an arena of each thread, which counts for the memory limit
  return `#!/bin/sh\nexec env -i PATH="$PATH" LC_ALL=C MALLOC_ARENA_MAX=8 ${variables}${tie}${command}\n`
}

/** Quotes a word of the configured command, with shell variables for its placeholders. */
function toWord(text: string): string {
  const variables: Record<string, string> = { '{workspace}': '"$MEDIAD_WORKSPACE"', '{input}': '"$MEDIAD_INPUT"' }
  const parts = text.split(/(\{workspace\}|\{input\})/).filter((part) => part !== '')
  return parts.map((part) => variables[part] ?? quote(part)).join('') || "''"
}

/** Returns the tools that can start a program. Others are missing, or lack an option (busybox): the wrappers leave them out. */
async function findWorking(tools: readonly string[]): Promise<ReadonlySet<string>> {
  const checks = tools.map((tool) => `${tool} true >/dev/null 2>&1 && echo ${quote(tool)}`)
  try {
    const script = [...checks, 'true'].join('\n')
    const { stdout } = await capture('sh', ['-c', script], { env: readPath(), seconds: CHECK_SECONDS })
    return new Set(stdout.split('\n'))
  } catch {
    return new Set()
  }
}
