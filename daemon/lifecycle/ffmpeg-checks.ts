import type { Config } from '../config/config.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { describeVersion, findMismatch } from '../programs/versions.ts'
import { findTested, runTrials, usesHardware, type HardwareTrial, type TrialResults } from '../trial/trials.ts'
import type { Check, CheckDeps } from './check.ts'

/** Creates the checks of ffmpeg, which need neither bucket nor queues. */
export function createFfmpegChecks(deps: Pick<CheckDeps, 'config' | 'openPrograms' | 'log'>): Check[] {
  const { config, openPrograms, log } = deps
  let running: Promise<TrialResults> | undefined
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
        return `${describeVersion(version)}${dieWithDaemon ? '' : ' (setpriv not found: ffmpeg keeps running if the daemon is killed)'}`
      },
    },
    { name: 'encoders', run: () => checkAvailable({ ...deps, runAll }, 'encoders') },
    { name: 'filters', run: () => checkAvailable({ ...deps, runAll }, 'filters') },
    {
      name: 'trial run',
      run: async () => ['ffprobe', ...new Set((await runAll()).passed)].join(', '),
    },
    ...(usesHardware(toPlugins(config)) ? [createHardwareCheck(runAll)] : []),
  ]
}

/** Creates the check that lists the hardware encoders. It warns about each codec that none of them works for. */
function createHardwareCheck(runAll: () => Promise<TrialResults>): Check {
  return {
    name: 'hardware',
    async run(warn) {
      const { hardware } = await runAll().catch((cause: unknown) => {
        throw new MediadError('config.ffmpeg', 'not known, because the trial run failed', { cause })
      })
      const byCodec = Map.groupBy(hardware, ({ encoder }) => encoder.split('_')[0])
      for (const [codec, tried] of byCodec)
        if (tried.every(({ failure }) => failure !== null))
          warn(`no hardware encoder for ${codec} works, so it is encoded in software: ${list(tried)}`)
      return list(hardware)
    },
  }
}

/** Lists the results. Chains with the same encoder and other options, such as HDR, often have the same. */
const list = (trials: readonly HardwareTrial[]): string =>
  [...new Set(trials.map(({ encoder, failure }) => `${encoder}: ${failure ?? 'works'}`))].join('; ')

/** The plugins of every route. */
const toPlugins = ({ routes }: Pick<Config, 'routes'>): Plugin[] => routes.flatMap(({ plugins }) => plugins)

type AvailabilityDeps = Pick<CheckDeps, 'config' | 'openPrograms'> & { runAll(): Promise<unknown> }

/**
 * Checks that ffmpeg has the encoders or filters that the plugins declare. Those used by passed trials are available; ffmpeg's
 * list is read only for others, or after a failed trial.
 */
async function checkAvailable(deps: AvailabilityDeps, kind: 'encoders' | 'filters'): Promise<string> {
  const { config, openPrograms, runAll } = deps
  const programs = await openPrograms()
  const tested = await runAll().then(
    () => findTested(toPlugins(config))[kind],
    () => new Set<string>(), // the check "trial run" reports the error
  )
  const needed = toPlugins(config).flatMap(({ name, hooks }) => (hooks[kind] ?? []).map((item) => ({ name, item })))
  const untested = needed.filter(({ item }) => !tested.has(item))
  const available = untested.length === 0 ? tested : await programs[kind]()
  const missing = untested.filter(({ item }) => !available.has(item))
  if (missing.length === 0) return [...new Set(needed.map(({ item }) => item))].join(', ') || 'none needed'
  const list = missing.map(({ name, item }) => `${item} (for ${name})`).join(', ')
  throw new MediadError(
    'config.ffmpeg',
    `this ffmpeg lacks the ${kind.slice(0, -1)} ${list}: install an ffmpeg that has it, or choose other options in the config`,
  )
}
