import { execFileSync } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quote } from '../../daemon/programs/shell.ts'
import { FOLDER, type Command } from './command.ts'
import { defaultChain, openSite, startDaemon, toConfig, waitForJobs } from './site.ts'

/** Finds the path of a program. */
export const findProgram = (name: string): string =>
  execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()

/**
 * Runs one job of the default chain, and returns the ffmpeg commands that write its results: what someone would run who knows
 * the right arguments. Runs that only examine files are left out; they are mediad's own cost.
 */
export async function recordCommands(source: string): Promise<Command[]> {
  await using site = await openSite()
  const record = join(site.folder, 'commands')
  const recorder = join(site.folder, 'recorder')
  const lines = ['#!/bin/bash', `printf '%q ' "$@" >> ${quote(record)}`, `echo >> ${quote(record)}`]
  await writeFile(recorder, [...lines, `exec ${quote(findProgram('ffmpeg'))} "$@"`, ''].join('\n'))
  await chmod(recorder, 0o755)
  const more = `ffmpeg: { path: ${JSON.stringify(recorder)} }, workspace: ${JSON.stringify({ directory: join(site.folder, 'work') })},`
  await using daemon = await startDaemon(site, toConfig({ chain: defaultChain, more }))
  await site.put('origin_recorded.mp4', await readFile(source))
  await waitForJobs([daemon], 'origin_recorded', 1)
  const text = await readFile(record, 'utf8')
  const runs = text.trimEnd().split('\n').map(parseWords)
  return runs.map(toCommand).filter((command) => command !== null)
}

/** Splits a line of shell words, as bash's `printf %q` writes them. */
function parseWords(line: string): string[] {
  const script = `eval "set -- $1"; printf '%s\\0' "$@"`
  return execFileSync('bash', ['-c', script, 'bash', line], { encoding: 'utf8' }).split('\0').slice(0, -1)
}

/** Replaces the paths of the recorded job; null for a run that writes no file of the job, or does not read its source. */
function toCommand(words: readonly string[]): Command | null {
  const input = words.indexOf('-i')
  const folder = /^file:(.*)\/source$/.exec(words[input + 1] ?? '')?.[1]
  if (folder === undefined) return null
  const writes = words.slice(input + 2).some((word) => word.startsWith(`file:${folder}/`))
  return writes ? words.map((word) => word.replaceAll(folder, FOLDER)) : null
}
