/**
 * An ffmpeg and an ffprobe that know by heart what the real ones answer when a daemon asks for their version and their
 * decoders; for anything else they are the real ones, in the same process. A start of ffmpeg costs a tenth of a second of
 * CPU time, and tests start many daemons.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What every daemon asks each of them. */
const questions = { ffmpeg: ['-version', '-hide_banner -decoders'], ffprobe: ['-version'] } as const

let folder: string | undefined

/** Gives a PATH that finds these programs first. They are made once per process. */
export function toQuickPath(): string {
  return `${(folder ??= make())}:${process.env.PATH}`
}

function make(): string {
  const made = mkdtempSync(join(tmpdir(), 'mediad-programs-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  for (const name of ['ffmpeg', 'ffprobe'] as const) {
    const program = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    const cases = questions[name].map((question, n) => {
      const answer = join(made, `${name}-${n}.txt`)
      writeFileSync(answer, execFileSync(program, question.split(' '), { stdio: ['ignore', 'pipe', 'ignore'] }))
      return `'${question}') exec cat '${answer}' ;;`
    })
    const lines = ['#!/bin/sh', 'case "$*" in', ...cases, 'esac', `exec '${program}' "$@"`, '']
    writeFileSync(join(made, name), lines.join('\n'), { mode: 0o755 })
  }
  return made
}
