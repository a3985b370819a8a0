import { constants } from 'node:os'
import { MediadError } from '../../vocabulary/errors.ts'
import { openLauncherShell } from './process.ts'
import { quote } from '../shell.ts'
import { signalGroup, type Exit, type StartRequest } from '../start.ts'

/** One run of a program in a launcher. */
export type LauncherRun = {
  processId(): number | undefined
  signal(name: NodeJS.Signals): void
  /** Resolves when the program has ended and its output is read; with null if it was not started. Never rejects. */
  readonly exit: Promise<Exit | null>
}

/** What a launcher starts. It has the environment of the launcher. */
export type LauncherRequest = Omit<StartRequest, 'env'>

/**
 * A shell that starts programs one at a time, and waits for each. A start by the daemon itself copies its page tables, which
 * blocks the event loop; the shell is small, and already has the priority and the limits that the programs inherit.
 */
export type Launcher = {
  /** Starts a program. Call it only while the launcher is ready. */
  run(request: LauncherRequest): LauncherRun
  /** `over`: it has ended, or is not used again because a descendant of its program can write into the output of the next. */
  state(): 'ready' | 'busy' | 'over'
  /** Ends the shell, and with it a program that runs. */
  close(): void
}

type Output = 'stdout' | 'stderr'

type Current = {
  readonly request: LauncherRequest
  readonly resolve: (exit: Exit | null) => void
  processId: number | null
  exitCode: number | null
  /** Outputs that are not read to their end yet. */
  readonly open: Set<Output>
  /** A signal was requested before the program was started. */
  isStopped: boolean
}

/** Starts a launcher. `wrapper` is the path of a program that becomes a POSIX shell with the restrictions of every program. */
export function createLauncher(wrapper: string): Launcher {
  let current: Current | null = null
  const finish = (exit: Exit | null) => {
    const finished = current
    current = null
    shell.setReferenced(false)
    if (finished?.processId != null && hasProcesses(finished.processId)) shell.close()
    finished?.resolve(exit ?? (finished.isStopped ? killed : null))
  }
  const finishWhenRead = () => {
    if (current === null || current.exitCode === null || current.open.size > 0) return
    finish(current.processId === null ? null : toExit(current.exitCode))
  }
  const shell = openLauncherShell(wrapper, {
    onStarted(processId) {
      if (current !== null) current.processId = processId
    },
    onExit(code) {
      if (current !== null) current.exitCode = code
      finishWhenRead()
    },
    onOutput(name, chunk) {
      const { onStdout, onStderr } = current?.request ?? {}
      ;(name === 'stdout' ? onStdout : onStderr)?.(chunk)
    },
    onOutputEnd(name) {
      current?.open.delete(name)
      finishWhenRead()
    },
    onDeath() {
      if (current !== null) finish(current.processId === null ? null : died())
    },
  })
  return {
    run(request) {
      const { promise, resolve } = Promise.withResolvers<Exit | null>()
      const open = new Set<Output>(['stdout', 'stderr'])
      const run: Current = { request, resolve, processId: null, exitCode: null, open, isStopped: false }
      current = run
      shell.setReferenced(true)
      shell.write(toCommand(request, shell.processId))
      return {
        processId: () => run.processId ?? undefined,
        signal(name) {
          if (current !== run) return
          if (run.processId !== null) return void signalGroup(run.processId, name)
          run.isStopped = true
          shell.close()
        },
        exit: promise,
      }
    },
    state: () => (!shell.isUsable() ? 'over' : current === null ? 'ready' : 'busy'),
    close: shell.close,
  }
}

const killed: Exit = { code: null, signal: 'SIGKILL', error: null }

function died(): Exit {
  const why = 'the shell that starts ffmpeg and ffprobe was killed, and the running program with it'
  return { code: null, signal: null, error: new MediadError('daemon.launcher', why) }
}

/**
 * Returns the command for the shell. The program leads a process group of its own, and ends with the shell: `toWrapper`
 * explains the shell in between, which also reports the process id. Only the program writes to descriptor 4, not the shell,
 * which can print how a program ended.
 */
function toCommand({ program, args, folder, onStdout }: LauncherRequest, shellId: number): string {
  const words = [program, ...args].map(quote).join(' ')
  const guarded = `[ "$PPID" = ${shellId} ] && echo "$$" >&3 && exec "$@" 2>&4 3>&- 4>&-`
  const tied = `setpriv --pdeathsig KILL -- setsid sh -c ${quote(guarded)} sh ${words}`
  const stdout = onStdout ? '' : ' >/dev/null'
  return `cd ${quote(folder ?? process.cwd())} && unset OLDPWD && ${tied} </dev/null${stdout}`
}

/** A shell reports a signal as 128 plus its number. ffmpeg exits with such a code only for errors of the network. */
function toExit(code: number): Exit {
  const signals = Object.entries(constants.signals) as [NodeJS.Signals, number][]
  const signal = signals.find(([, number]) => number === code - 128)?.[0]
  return signal === undefined ? { code, signal: null, error: null } : { code: null, signal, error: null }
}

function hasProcesses(leader: number): boolean {
  try {
    return signalGroup(leader, 0)
  } catch {
    return true // they belong to another user
  }
}
