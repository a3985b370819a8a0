import type { Config } from '../config/schema.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { describeVersion, findMismatch } from '../programs/versions.ts'
import { findTried, runTrials } from '../trial/trials.ts'
import type { Check, CheckDeps } from './check.ts'

/** The checks that need neither bucket nor queues. */
export function createFfmpegChecks(deps: Pick<CheckDeps, 'config' | 'openPrograms' | 'log'>): Check[] {
  const { config, openPrograms, log } = deps
  let running: Promise<string[]> | undefined
  const runAll = () =>
    (running ??= openPrograms().then((programs) => runTrials({ programs, plugins: toPlugins(config), log })))
  return [
    {
      name: 'ffmpeg',
      async run(warn) {
        const programs = await openPrograms()
        const { version, dieWithDaemon } = programs
        const mismatch = findMismatch(programs)
        if (mismatch !== null) warn(mismatch)
        return `${describeVersion(version)}${dieWithDaemon ? '' : ' (would outlive a killed daemon: there is no setpriv)'}`
      },
    },
    { name: 'encoders', run: () => proveParts({ ...deps, runAll }, 'encoders') },
    { name: 'filters', run: () => proveParts({ ...deps, runAll }, 'filters') },
    {
      name: 'trial run',
      run: async () => ['ffprobe', ...new Set(await runAll())].join(', '),
    },
  ]
}

/** The plugins of every route. */
const toPlugins = ({ routes }: Pick<Config, 'routes'>): Plugin[] => routes.flatMap(({ plugins }) => plugins)

type Parts = Pick<CheckDeps, 'config' | 'openPrograms'> & { runAll(): Promise<unknown> }

/** What a trial has used is there; ffmpeg is asked for a list only where something else is declared, or a trial failed. */
async function proveParts(parts: Parts, kind: 'encoders' | 'filters'): Promise<string> {
  const { config, openPrograms, runAll } = parts
  const programs = await openPrograms()
  const tried = await runAll().then(
    () => findTried(toPlugins(config))[kind],
    () => new Set<string>(), // the check of the trials reports it
  )
  const needed = toPlugins(config).flatMap(({ name, hooks }) => (hooks[kind] ?? []).map((part) => ({ name, part })))
  const untried = needed.filter(({ part }) => !tried.has(part))
  const available = untried.length === 0 ? tried : await programs[kind]()
  const missing = untried.filter(({ part }) => !available.has(part))
  if (missing.length === 0) return [...new Set(needed.map(({ part }) => part))].join(', ') || 'none needed'
  const list = missing.map(({ name, part }) => `${part} (for ${name})`).join(', ')
  throw new MediadError(
    'config.ffmpeg',
    `this ffmpeg lacks the ${kind.slice(0, -1)} ${list}: install an ffmpeg that has it, or choose other options in the config`,
  )
}
