import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { readPath } from '../find.ts'
import { OUTPUT_GRACE_MS, ownGroup, signalGroup } from '../start.ts'

export type LauncherEvents = {
  /** The program is started, or about to be. */
  onStarted(processId: number): void
  /** The program has ended, or was not started. */
  onExit(code: number): void
  onOutput(name: 'stdout' | 'stderr', chunk: Buffer): void
  /** All output of the program is read. */
  onOutputEnd(name: 'stdout' | 'stderr'): void
  /** The shell has ended, and with it a program that ran. */
  onDeath(): void
}

export type LauncherShell = {
  /** NaN when the shell could not be started. */
  readonly processId: number
  isUsable(): boolean
  /** Runs a command whose program writes its process id to descriptor 3, and has descriptors 1 and 4 as its outputs. */
  write(command: string): void
  /** Whether this process waits for the shell before it ends. */
  setReferenced(isReferenced: boolean): void
  close(): void
}

/**
 * Opens the shell of a launcher. It reads commands from its standard input, and reports on descriptor 3. After each command
 * it writes a random mark, which the program cannot know, to both outputs: everything before it is the program's output.
 * When the daemon dies, the death signal ends the shell, whose death ends its program in the same way.
 */
export function openLauncherShell(wrapper: string, events: LauncherEvents): LauncherShell {
  const mark = randomUUID()
  const child = spawnShell(wrapper)
  const { input, stdout, report, stderr } = toSockets(child)
  const sockets = [input, stdout, report, stderr]
  let isUsable = child?.pid !== undefined
  report?.setEncoding('utf8').on('data', createLineReader(toReport(events)))
  for (const [name, socket] of [['stdout', stdout] as const, ['stderr', stderr] as const]) {
    const onData = (chunk: Buffer) => events.onOutput(name, chunk)
    socket?.on(
      'data',
      splitAtMark(Buffer.from(`\0${mark}`), onData, () => events.onOutputEnd(name)),
    )
  }
  for (const socket of sockets) socket?.on('error', ignore)
  child?.once('exit', () => {
    isUsable = false
    setTimeout(() => sockets.forEach((socket) => socket?.destroy()), OUTPUT_GRACE_MS).unref()
  })
  child?.once('close', events.onDeath)
  const shell: LauncherShell = {
    processId: child?.pid ?? Number.NaN,
    isUsable: () => isUsable,
    write: (command) =>
      void input?.write(`${command}; echo "=$?" >&3; printf '\\000${mark}'; printf '\\000${mark}' >&4\n`),
    setReferenced(isReferenced) {
      const name = isReferenced ? 'ref' : 'unref'
      child?.[name]()
      for (const socket of sockets) socket?.[name]()
    },
    close() {
      isUsable = false
      if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null)
        signalGroup(child.pid, 'SIGKILL')
    },
  }
  shell.setReferenced(false)
  return shell
}

/** The end of the shell is reported by its events. */
const ignore = () => undefined

/** Returns null when the shell cannot be started: the program is then started without it, which reports the reason. */
function spawnShell(wrapper: string): ChildProcess | null {
  try {
    const env = readPath()
    const stdio = ['pipe', 'pipe', 'ignore', 'pipe', 'pipe'] as const
    return spawn(wrapper, ['-s'], { ...ownGroup, env, stdio: [...stdio] }).once('error', ignore)
  } catch {
    return null
  }
}

type Sockets = Partial<Record<'input' | 'stdout' | 'report' | 'stderr', Socket>>

/** Node creates no streams when the shell cannot be started for lack of file descriptors. */
function toSockets(child: ChildProcess | null): Sockets {
  const [input, stdout, , report, stderr] = (child?.stdio ?? []) as unknown as (Socket | undefined)[]
  return { ...(input && { input }), ...(stdout && { stdout }), ...(report && { report }), ...(stderr && { stderr }) }
}

/** A line is a process id, or `=` and an exit code. */
function toReport({ onStarted, onExit }: LauncherEvents): (line: string) => void {
  return (line) => (line.startsWith('=') ? onExit(Number(line.slice(1))) : onStarted(Number(line)))
}

function createLineReader(onLine: (line: string) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(onLine)
  }
}

/** Passes data on until the mark, and drops the rest of a chunk after it: a descendant of the program wrote that. */
export function splitAtMark(mark: Buffer, onData: (data: Buffer) => void, onMark: () => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0)
  return (chunk) => {
    const data = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const at = data.indexOf(mark)
    const end = at === -1 ? findPartial(data, mark) : at
    held = Buffer.from(at === -1 ? data.subarray(end) : '')
    if (end > 0) onData(data.subarray(0, end))
    if (at !== -1) onMark()
  }
}

/** Returns the position at which the end of `data` is the start of the mark; its length if it is not. */
function findPartial(data: Buffer, mark: Buffer): number {
  for (let at = Math.max(0, data.length - mark.length + 1); at < data.length; at++) {
    if (data.subarray(at).equals(mark.subarray(0, data.length - at))) return at
  }
  return data.length
}
