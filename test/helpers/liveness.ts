import { readdirSync, readFileSync } from 'node:fs'
import { until } from './wait.ts'

/** Waits for a running process with `program` and `text` in its command line, and returns its id. */
export function findProcess(program: string, text: string): Promise<number> {
  return until(`${program} works on ${text}`, () => processesOf(program, text)[0])
}

/** The ids of the running processes of `program` with `text` in their command lines. */
export function processesOf(program: string, text: string): number[] {
  const is = (id: number) => commandOf(id).split('\0')[0]?.endsWith(program) && commandOf(id).includes(text)
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((id) => isAlive(id) && is(id))
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
