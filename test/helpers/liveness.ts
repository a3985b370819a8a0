import { readdirSync, readFileSync } from 'node:fs'
import { until } from './wait.ts'

/** Waits until a process with `program` and `text` in its command line runs, and returns its id. `seconds` defaults to 90. */
export function waitForProcess(program: string, text: string, seconds?: number): Promise<number> {
  return until(`${program} runs with ${text}`, () => findProcesses(program, text)[0], seconds)
}

/** Returns the ids of the running processes of `program` with `text` in their command lines. */
export function findProcesses(program: string, text: string): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.map(Number).filter((id) => {
    const command = readCommand(id) // read the status of matching processes only
    return command.includes(text) && isProgram(program, command.split('\0')) && isAlive(id)
  })
}

/** Recognizes a program by its path. An ffmpeg with its own libraries can be started through its dynamic loader. */
function isProgram(program: string, [name = '', ...words]: readonly string[]): boolean {
  return name.endsWith(program) || (/\/ld-linux[^/]*$/.test(name) && words.some((word) => word.endsWith(`/${program}`)))
}

/** Returns whether a process is running. A zombie is not. */
export function isAlive(id: number): boolean {
  const state = /^State:\s+(\w)/m.exec(read(`/proc/${id}/status`))?.[1]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

function readCommand(id: number): string {
  return read(`/proc/${id}/cmdline`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // the process has ended
  }
}
