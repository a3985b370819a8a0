/**
 * An ffmpeg and an ffprobe that remember what the real ones answer when a daemon asks for their version and what they can;
 * for anything else they are the real ones, in the same process. A start of ffmpeg costs a tenth of a second of CPU time,
 * and tests start many daemons.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const questions = ['-version', '-hide_banner -encoders', '-hide_banner -decoders', '-hide_banner -filters']

let folder: string | undefined

/** Gives a PATH that finds these programs first. They are made once per process. */
export function toCachedProgramsPath(): string {
  return `${(folder ??= make())}:${process.env.PATH}`
}

function make(): string {
  const made = mkdtempSync(join(tmpdir(), 'mediad-programs-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  for (const name of ['ffmpeg', 'ffprobe']) {
    const program = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    const cases = questions.map((question, n) => toCase(question, { program, answer: join(made, `${name}-${n}`) }))
    const lines = ['#!/bin/sh', 'case "$*" in', ...cases, 'esac', `exec '${program}' "$@"`, '']
    writeFileSync(join(made, name), lines.join('\n'), { mode: 0o755 })
  }
  return made
}

/** The first who asks asks the real program; without an answer of it, so do all others. */
function toCase(question: string, { program, answer }: { program: string; answer: string }): string {
  const ask = `'${program}' ${question} >'${answer}'.$$ && mv '${answer}'.$$ '${answer}'`
  return `'${question}') [ -e '${answer}' ] || { ${ask}; } && exec cat '${answer}' ;;`
}
