/**
 * Wrappers of ffmpeg and ffprobe that cache the output of the queries a daemon makes at start (version, encoders, decoders,
 * filters) and run the real program for anything else, in the same process. A start of ffmpeg takes a tenth of a second of
 * CPU time, and tests start many daemons.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const queries = ['-version', '-hide_banner -encoders', '-hide_banner -decoders', '-hide_banner -filters']

let folder: string | undefined

/** Returns a PATH that starts with the folder of these programs. They are created once per process. */
export function toCachedProgramsPath(): string {
  return `${(folder ??= writePrograms())}:${process.env.PATH}`
}

function writePrograms(): string {
  const created = mkdtempSync(join(tmpdir(), 'mediad-programs-'))
  process.once('exit', () => rmSync(created, { recursive: true, force: true }))
  for (const name of ['ffmpeg', 'ffprobe']) {
    const program = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    const cases = queries.map((query, n) => toCase(query, { program, cache: join(created, `${name}-${n}`) }))
    const lines = ['#!/bin/sh', 'case "$*" in', ...cases, 'esac', `exec '${program}' "$@"`, '']
    writeFileSync(join(created, name), lines.join('\n'), { mode: 0o755 })
  }
  return created
}

/** Returns the shell case of a query: the first call runs the program; when that fails, later calls run it again. */
function toCase(query: string, { program, cache }: { program: string; cache: string }): string {
  const fill = `'${program}' ${query} >'${cache}'.$$ && mv '${cache}'.$$ '${cache}'`
  return `'${query}') [ -e '${cache}' ] || { ${fill}; } && exec cat '${cache}' ;;`
}
