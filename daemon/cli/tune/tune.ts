import { totalmem } from 'node:os'
import { resolve } from 'node:path'
import { createPipeline } from '../../composition/pipeline.ts'
import { noTracing } from '../../vocabulary/tracing/tracing.ts'
import { createFfmpeg } from '../../ffmpeg/ffmpeg.ts'
import { readMemoryLimit } from '../../machine/cgroup.ts'
import { openCpuMeter } from '../../machine/cpu-meter.ts'
import { readSystemText } from '../../machine/text.ts'
import { openBar } from '../../terminal/bar.ts'
import { listenForStop } from '../../terminal/signals.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import { withReleasers, type Push } from '../../vocabulary/releasers.ts'
import { openLocalChain, readFileSize } from '../local-chain.ts'
import { describeFailure } from '../run.ts'
import { describeSetting, toGrid, type Setting } from './grid.ts'
import { hasThreads, measure, type MeasureDeps, type Measurement } from './measure.ts'
import { recommend } from './recommend.ts'
import { reportMeasurement, reportMeasurements, reportRecommendation, reportClip } from './report.ts'
import { cutClip, type Clip, type ClipDeps } from './clip.ts'

export type TuneOptions = { seconds: number; rounds: number; config?: string }

/** Length of the clip, and the shortest to which it is cut when the time is short. */
const CLIP_SECONDS = { usual: 20, least: 4 }
/** Share of the time that is planned: measurements of the same work differ. */
const PLANNED = 0.8

/**
 * `mediad tune FILE`: measures the chain of the config at different settings, and recommends one. Returns 130 after a signal, as
 * shells do.
 */
export async function tune(terminal: Terminal, file: string, options: TuneOptions): Promise<0 | 1 | 130> {
  using signals = listenForStop()
  const stop = new AbortController()
  void signals.first.then(() => stop.abort(new MediadError('daemon.stopping', 'stopped')))
  let code: 0 | 1 | 130 = 0
  const releasers = await withReleasers(async (push) => {
    try {
      await run({ terminal, file: resolve(file), options, signal: stop.signal, push })
    } catch (error) {
      if (!stop.signal.aborted && isConfigError(error)) throw error
      code = stop.signal.aborted ? 130 : 1
      if (code === 1) terminal.print(...describeFailure(file, error))
    }
  })
  await releasers.release()
  return code
}

type Run = { terminal: Terminal; file: string; options: TuneOptions; signal: AbortSignal; push: Push }

async function run({ terminal, file, options, signal, push }: Run): Promise<void> {
  const endsAt = performance.now() + options.seconds * 1000
  const time = AbortSignal.timeout(options.seconds * 1000)
  await readFileSize(file)
  const chain = await openLocalChain(options, terminal, push)
  const { config, programs, workspaces } = chain
  signal.throwIfAborted()
  const meter = await openCpuMeter()
  const [{ plugins }] = config.routes
  const tunable = plugins.filter(hasThreads).map(({ name }) => name)
  const grid = toGrid(meter.cpus, { hasThreads: tunable.length > 0 })
  const clipDeps: ClipDeps = {
    programs,
    limits: config.limits,
    ffmpeg: createFfmpeg({ programs, stallSeconds: config.ffmpeg.stallSeconds, limits: config.limits }),
    inspect: createPipeline({ config, programs, log: terminal.log, tracing: noTracing }).inspect,
    folder: workspaces.path,
    signal,
    log: terminal.log.child({ plugin: 'tune' }),
  }
  const deps = { ...chain, meter, rounds: options.rounds, signal, log: terminal.log }
  const clip = await chooseClip({ deps, clipDeps, file, grid, endsAt, time, terminal })
  reportClip(terminal, { file, clip, settings: grid.length, cpus: meter.cpus, rounds: options.rounds })
  const { measured, failure } = await measureAll({ deps: { ...deps, path: clip.path }, grid, time, terminal })
  reportMeasurements(terminal, measured, { settings: grid.length, failure })
  const memoryBytes = Math.min(totalmem(), (await readMemoryLimit(readSystemText)) ?? Infinity)
  reportRecommendation(terminal, { best: recommend(measured, memoryBytes), measured, plugins: tunable, memoryBytes })
}

type Choice = {
  deps: Omit<MeasureDeps, 'path'>
  clipDeps: ClipDeps
  file: string
  grid: readonly Setting[]
  endsAt: number
  /** Aborts at that time. */
  time: AbortSignal
  terminal: Terminal
}

/**
 * Chooses a clip with which all settings fit into the time: processes one of the usual length once, and cuts a shorter one if
 * that took too long. The first run also brings the file into the cache of the system.
 */
async function chooseClip({ deps, clipDeps, file, grid, endsAt, time, terminal }: Choice): Promise<Clip> {
  const usual = await cutClip(clipDeps, file, CLIP_SECONDS.usual)
  const bar = openBar(terminal)
  try {
    const first = { ...deps, rounds: 1, path: usual.path, signal: AbortSignal.any([deps.signal, time]) }
    const { secondsPerClip } = await measure(first, { concurrency: 1, threads: null }, (fraction) =>
      bar.update(fraction * 100, 'first run'),
    )
    const leftSeconds = (endsAt - performance.now()) / 1000
    // as many jobs as CPUs take at most as many times as long as one alone
    const clips = grid.reduce((sum, { concurrency }) => sum + concurrency, 0) * deps.rounds
    const share = (leftSeconds * PLANNED) / (clips * secondsPerClip)
    if (share >= 1 || usual.seconds === null) return usual
    return await cutClip(clipDeps, file, Math.max(CLIP_SECONDS.least, usual.seconds * share))
  } catch (error) {
    throw time.aborted && !deps.signal.aborted ? nothingMeasured() : error
  } finally {
    bar.stop()
  }
}

type All = { deps: MeasureDeps; grid: readonly Setting[]; time: AbortSignal; terminal: Terminal }

/**
 * Measures settings until the time is over, or until one fails after others have succeeded, such as for lack of memory.
 * `failure` describes the one that failed. A measurement that the end of the time interrupts is not used.
 */
async function measureAll({ deps, grid, time, terminal }: All) {
  const measured: Measurement[] = []
  let failure: string | null = null
  const bar = openBar(terminal)
  const signal = AbortSignal.any([deps.signal, time])
  for (const [index, setting] of grid.entries()) {
    const text = `${describeSetting(setting)} (${index + 1} of ${grid.length})`
    try {
      const one = await measure({ ...deps, signal }, setting, (fraction) =>
        bar.update(((index + fraction) / grid.length) * 100, text),
      )
      measured.push(one)
      reportMeasurement(terminal, one)
    } catch (error) {
      bar.stop()
      const isOver = time.aborted && !deps.signal.aborted
      if (measured.length === 0 && isOver) throw nothingMeasured()
      if (measured.length === 0 || deps.signal.aborted) throw error
      failure = isOver ? null : `${describeSetting(setting)}: ${toMessage(error)}`
      break
    }
  }
  bar.stop()
  return { measured, failure }
}

function nothingMeasured(): MediadError {
  const message = 'no setting was measured in the given time: use a shorter file, or more --seconds'
  return new MediadError('resource.limit', message)
}

const isConfigError = (error: unknown): boolean => error instanceof MediadError && error.code.startsWith('config.')
