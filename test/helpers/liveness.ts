import { readdirSync, readFileSync } from 'node:fs'
import { until } from './wait.ts'

/** Waits (90 s) for a running process with `program` and `text` in its command line, and returns its id. */
export function waitForProcess(program: string, text: string, seconds?: number): Promise<number> {
  return until(`${program} works on ${text}`, () => findProcesses(program, text)[0], seconds)
}

/** The ids of the running processes of `program` with `text` in their command lines. */
export function findProcesses(program: string, text: string): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((id) => {
    const command = commandOf(id) // of every process there is: read once, and the rest only of those that match
    return command.includes(text) && isOf(program, command.split('\0')) && isAlive(id)
  })
}

/** An ffmpeg with libraries of its own may have been started through its dynamic loader. */
function isOf(program: string, [name = '', ...words]: readonly string[]): boolean {
  return name.endsWith(program) || (/\/ld-linux[^/]*$/.test(name) && words.some((word) => word.endsWith(`/${program}`)))
}

/** Whether a process still runs; a dead one that nobody has waited for yet does not. */
export function isAlive(id: number): boolean {
  const state = /^State:\s+(\w)/m.exec(read(`/proc/${id}/status`))?.[1]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

function commandOf(id: number): string {
  return read(`/proc/${id}/cmdline`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it ended
  }
}
