import type { Config } from '../config/config.ts'
import { createFfmpeg } from '../ffmpeg/ffmpeg.ts'
import { createRunChain, type RunChain } from '../pipeline/chain.ts'
import { openPlugins } from '../pipeline/plugins.ts'
import { createInspect, type Inspect } from '../probe/inspect.ts'
import type { Programs } from '../programs/programs.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Tracing } from '../vocabulary/tracing/tracing.ts'
import type { Releasers } from '../vocabulary/releasers.ts'

/** Runs chains on files; shared by a daemon and `mediad run`. */
export type Pipeline = {
  readonly inspect: Inspect
  /** Sets up the plugins of all routes. Call it once, before the first chain runs. */
  openPlugins(): Promise<Releasers>
  readonly runChain: RunChain
}

export type PipelineDeps = {
  config: Pick<Config, 'limits' | 'routes'> & { ffmpeg: Pick<Config['ffmpeg'], 'stallSeconds'> }
  programs: Programs
  log: DaemonLog
  tracing: Tracing
}

export function createPipeline({ config, programs, log, tracing }: PipelineDeps): Pipeline {
  const { limits, routes } = config
  const plugins = routes.flatMap((route) => route.plugins)
  const inspect = createInspect({ programs, limits })
  const ffmpeg = createFfmpeg({ programs, stallSeconds: config.ffmpeg.stallSeconds, limits })
  return {
    inspect,
    openPlugins: () => openPlugins(plugins, log),
    runChain: createRunChain({
      ffmpeg: ffmpeg.run,
      inspect,
      maxSeconds: limits.durationSeconds,
      plugin: { pluginSeconds: limits.pluginSeconds },
      tracing,
    }),
  }
}
