import { toGrid as toTable, toPlain, toSize, type Column } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { describeSetting } from './grid.ts'
import type { Measurement } from './measure.ts'
import { toConfigLines, type Measured } from './recommend.ts'
import type { Clip } from './clip.ts'

export type TuneStart = { file: string; clip: Clip; settings: number; cpus: number; rounds: number }

/** Reports what is measured. */
export function reportClip(terminal: Terminal, { file, clip, settings, cpus, rounds }: TuneStart): void {
  const { seconds, startSeconds } = clip
  const length = seconds === null ? '' : ` of ${seconds.toFixed(1)} s`
  const what =
    startSeconds === null
      ? `the whole file${length}`
      : `a cut${length} from ${startSeconds.toFixed(1)} s on, at a key frame, without re-encoding`
  const times = rounds === 1 ? 'once' : `${rounds} times`
  terminal.print(
    `${toPlain(file)}: ${what}\n${toCount(settings, 'setting')} on ${toNumber(cpus)} ${cpus === 1 ? 'CPU' : 'CPUs'}; every job processes the clip ${times}`,
    { file, clipSeconds: seconds, clipStartSeconds: startSeconds, settings, cpus, rounds },
  )
}

const columns: readonly Column[] = [
  { name: 'jobs', align: 'right' },
  { name: 'threads', align: 'right' },
  { name: 'clips/hour', align: 'right' },
  { name: 'CPU', align: 'right', drop: 3 },
  { name: 'memory', align: 'right', drop: 2 },
  { name: 'seconds/clip', align: 'right', drop: 1 },
]

/** CPU use of other programs from which a measurement is doubtful. */
const OTHERS = 0.1

/** Reports one measurement as a JSON line as soon as it is there; on a terminal, the table has it. */
export function reportMeasurement(terminal: Terminal, measurement: Measurement): void {
  if (!terminal.human) terminal.print('', round(measurement))
}

/** Reports all measurements as a table on a terminal. */
export function reportMeasurements(
  terminal: Terminal,
  measured: readonly Measurement[],
  { settings, failure }: { settings: number; failure: string | null },
): void {
  if (!terminal.human && failure !== null) terminal.print('', { failed: failure })
  if (!terminal.human) return
  const rows = measured.map(({ concurrency, threads, clipsPerHour, cpuUse, memoryBytes, secondsPerClip }) => [
    String(concurrency),
    threads === null ? 'auto' : String(threads),
    clipsPerHour.toFixed(clipsPerHour < 100 ? 1 : 0),
    toPercent(cpuUse),
    memoryBytes === null ? '–' : toSize(memoryBytes),
    secondsPerClip.toFixed(1),
  ])
  const missing = settings - measured.length
  const notes = failure === null ? [] : [`Stopped, because this failed: ${toPlain(failure)}`]
  if (missing > 0 && failure === null)
    notes.push(`The time was over before ${toCount(missing, 'more setting')}: see --seconds`)
  const others = Math.max(...measured.map(({ othersUse }) => othersUse ?? 0))
  if (others > OTHERS)
    notes.push(`Other programs used up to ${toPercent(others)} of the CPUs: repeat it on a machine at rest`)
  terminal.print([toTable(columns, rows, terminal.width), ...notes].join('\n'), {})
}

export type Recommendation = {
  best: Measured | null
  measured: readonly Measured[]
  /** Names of the plugins with an option for threads. */
  plugins: readonly string[]
  memoryBytes: number
}

/** Reports the recommended setting, why, and the lines for the config. */
export function reportRecommendation(
  terminal: Terminal,
  { best, measured, plugins, memoryBytes }: Recommendation,
): void {
  if (best === null) return
  const most = Math.max(...measured.map(({ clipsPerHour }) => clipsPerHour))
  const of = best.clipsPerHour / most
  const memory = best.memoryBytes === null ? '' : `, ${toSize(best.memoryBytes)} of ${toSize(memoryBytes)} memory`
  const lines = toConfigLines(best, plugins)
  const text = [
    `Recommended: ${describeSetting(best)}`,
    `${toPercent(of)} of the highest throughput${memory}`,
    'For media.config.ts:',
    ...lines.map((line) => `  ${line}`),
  ]
  terminal.print(text.join('\n'), { recommended: round(best), config: lines })
}

function toPercent(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)} %`
}

function toCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function toNumber(value: number): string {
  return String(Math.round(value * 100) / 100)
}

/** Rounds all numbers to three decimals. */
function round<T extends Readonly<Record<string, number | null>>>(values: T): T {
  const rounded = Object.entries(values).map(([name, value]) => [
    name,
    value === null ? null : Math.round(value * 1000) / 1000,
  ])
  return Object.fromEntries(rounded) as T
}
