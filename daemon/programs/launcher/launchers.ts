import { createLauncher, type Launcher } from './launcher.ts'
import { startDirectly, type Running, type Start } from '../start.ts'

export type Launchers = {
  /** Starts the known programs by a launcher, and others as children of this process. */
  readonly start: Start
  /** Ends all launchers, and the programs that they run. */
  close(): void
}

export type LaunchersDeps = {
  /** Path of the wrapper that becomes the shell of a launcher. */
  wrapper: string
  /** Path of the program behind each wrapper. */
  programs: ReadonlyMap<string, string>
}

/**
 * Creates the launchers of a daemon: as many as programs run at the same time. One that died is replaced. A program that a
 * launcher could not start is started without it, which succeeds or reports why it cannot be started.
 */
export function createLaunchers({ wrapper, programs }: LaunchersDeps): Launchers {
  let launchers: Launcher[] = []
  function take(): Launcher | null {
    launchers = launchers.filter((launcher) => launcher.state() !== 'over')
    const ready = launchers.find((launcher) => launcher.state() === 'ready')
    if (ready) return ready
    const created = createLauncher(wrapper)
    if (created.state() !== 'ready') return null
    launchers.push(created)
    return created
  }
  return {
    start(request) {
      const program = programs.get(request.program)
      if (program === undefined || request.args.some((arg) => arg.includes('\0'))) return startDirectly(request)
      const run = take()?.run({ ...request, program })
      if (run === undefined) return startDirectly(request)
      let running: Pick<Running, 'processId' | 'signal'> = run
      const exit = run.exit.then((end) => {
        if (end !== null) return end
        const direct = startDirectly(request)
        running = direct
        return direct.exit
      })
      return { processId: () => running.processId(), signal: (name) => running.signal(name), exit }
    },
    close: () => launchers.forEach((launcher) => launcher.close()),
  }
}
