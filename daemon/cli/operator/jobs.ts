import type { Config } from '../../config/config.ts'
import { isFresh } from '../../protocol/decide.ts'
import type {
  JobDocument,
  JobState,
  MediaSummary,
  PastAttempt,
  PluginTiming,
  SeenDocument,
} from '../../vocabulary/job.ts'
import type { ListedJob } from '../../operate/jobs.ts'
import { toNotFound } from './not-found.ts'
import { operate, type OperatorSession } from './operate.ts'
import { toAge, toGrid, toLines, toPlain, toTable, type Column } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'

export type JobsOptions = { config?: string; state?: JobState; limit: number }

/** `mediad jobs [ID]`: lists jobs, or shows one. Returns 1 if a document cannot be read. */
export async function jobs(terminal: Terminal, name: string | undefined, options: JobsOptions): Promise<0 | 1> {
  return await operate(terminal, options, (session) =>
    name === undefined ? listJobs(terminal, options, session) : showJob(terminal, name, session),
  )
}

async function listJobs(
  terminal: Terminal,
  options: JobsOptions,
  { jobs, config, signal }: OperatorSession,
): Promise<0 | 1> {
  const { state, limit } = options
  const rows: string[][] = []
  let code: 0 | 1 = 0
  for await (const entry of jobs.list({ limit, signal, ...(state && { state }) })) {
    if ('problem' in entry) code = 1
    if (terminal.human) rows.push(toJobRow(entry, config))
    else terminal.print('', toFields(entry, config)) // JSON lines are printed as soon as the document is read
  }
  if (terminal.human)
    terminal.print(rows.length > 0 ? toGrid(columns, rows, terminal.width) : describeNone(state, config), {})
  return code
}

function describeNone(state: JobState | undefined, { bucket, state: { prefix } }: Config): string {
  const where = `s3://${bucket}/${prefix}jobs/`
  return state === undefined ? `There are no jobs in ${where}` : `No job in ${where} has the state ${state}`
}

const columns: readonly Column[] = [
  { name: 'job' },
  { name: 'key', shorten: true },
  { name: 'state' },
  { name: 'attempt', drop: 2 },
  { name: 'progress', drop: 4 },
  { name: 'owner', drop: 1 },
  { name: 'age', drop: 3 },
  { name: 'error', drop: 5 },
]

/** Converts a job to a row of the list. */
export function toJobRow(entry: ListedJob, config: Config): string[] {
  if ('problem' in entry) return [entry.shortId, '–', '–', '–', '–', '–', '–', entry.problem.code]
  const { document, ageSeconds } = entry.seen
  const { source, owner, error } = document
  return [
    entry.shortId,
    source.key,
    `${document.state}${toStateNote(entry.seen, config)}`,
    toAttempt(document, config),
    toProgress(document),
    owner ?? '–',
    toAge(ageSeconds),
    error?.code ?? '–',
  ]
}

function toFields(entry: ListedJob, config: Config): Record<string, unknown> {
  const { id } = entry
  if ('problem' in entry) return { id, code: entry.problem.code, problem: entry.problem.message }
  const { document, ageSeconds } = entry.seen
  const { source, state, attempt, claim, owner, progress, error, redrivenAt } = document
  return {
    id,
    key: source.key,
    state,
    stale: isStale(entry.seen, config),
    attempt,
    attempts: config.job.attempts,
    claim,
    owner,
    progress,
    ageSeconds,
    ...(redrivenAt !== undefined && { redrivenAt }),
    error: error?.code ?? null,
  }
}

function toStateNote(seen: SeenDocument, config: Config): string {
  if (seen.document.redrivenAt !== undefined) return ' (redriven)'
  return isStale(seen, config) ? ' (stale)' : ''
}

/** Returns whether the lease of a `processing` job has gone stale. Its in-progress message leads to a takeover. */
function isStale(seen: SeenDocument, { job }: Config): boolean {
  return seen.document.state === 'processing' && !isFresh(seen, job)
}

async function showJob(terminal: Terminal, name: string, session: OperatorSession): Promise<0 | 1> {
  const { jobs, config, signal } = session
  const seen = await jobs.find(name, signal)
  if (seen === null) throw await toNotFound(name, session)
  terminal.print(describeJob(seen, config, terminal.width), { ...seen.document, ageSeconds: seen.ageSeconds })
  return 0
}

/** Describes a job in full, as text. */
export function describeJob(seen: SeenDocument, config: Config, width?: number): string {
  const { id, source, media, state, claim, owner, outputs, warnings = [], error, timings, history } = seen.document
  const fields = {
    job: id,
    key: source.key,
    source: `${source.sizeBytes} bytes, etag ${source.etag}${source.sequencer ? `, sequencer ${source.sequencer}` : ''}`,
    ...(media && { media: describeMedia(media) }),
    state: `${state}${toStateNote(seen, config)}, written ${toAge(seen.ageSeconds)} ago`,
    attempt: toAttempt(seen.document, config),
    claim: String(claim),
    owner: owner ?? '–',
    progress: toProgress(seen.document),
    started: timings.startedAt,
    ended: timings.endedAt ?? '–',
    ...(timings.plugins.length > 0 && {
      plugins: timings.plugins.map(describeTiming).join(', '),
    }),
    ...(error && { error: [error.plugin, error.code, error.message].filter(Boolean).join(': ') }),
    ...(warnings.length > 0 && { warnings: warnings.map(({ plugin, message }) => `${plugin}: ${message}`).join('; ') }),
  }
  return [
    toLines(fields),
    ...(outputs.length > 0 ? [toTable(outputs, width)] : []),
    ...(history.length > 0 ? [toHistoryGrid(history, width)] : []),
    ...(error?.stderr ?? []).map((line) => `  ${toPlain(line)}`),
  ].join('\n')
}

function describeTiming({ plugin, seconds, cpuSeconds, skipped }: PluginTiming): string {
  if (skipped !== undefined) return `${plugin} skipped (${skipped})`
  return `${plugin} ${seconds.toFixed(1)} s (CPU time of ffmpeg ${cpuSeconds.toFixed(1)} s)`
}

function describeMedia({ format, codec, audioCodec, width, height, durationSeconds }: MediaSummary): string {
  const parts = [
    format,
    codec,
    width !== undefined && `${width}×${height}`,
    audioCodec,
    durationSeconds !== undefined && `${durationSeconds.toFixed(2)} s`,
  ]
  return parts.filter(Boolean).join(', ')
}

/** Renders the failed attempts as a table, the oldest first. */
export function toHistoryGrid(history: readonly PastAttempt[], width?: number): string {
  const rows = history.map(({ attempt, claim, owner, startedAt, endedAt, error }) => [
    String(attempt),
    String(claim),
    owner,
    startedAt,
    endedAt,
    `${error.plugin === undefined ? '' : `${error.plugin}: `}${error.code}`,
    error.message.slice(0, 80),
  ])
  return toGrid(historyColumns, rows, width)
}

const historyColumns: readonly Column[] = [
  { name: 'attempt' },
  { name: 'claim', drop: 2 },
  { name: 'owner', drop: 1 },
  { name: 'started', drop: 3 },
  { name: 'ended', drop: 4 },
  { name: 'error' },
  { name: 'message', drop: 5 },
]

function toAttempt({ attempt }: JobDocument, { job }: Config): string {
  return `${attempt}/${job.attempts}`
}

/** Progress of the chain, then that of the plugin that runs. */
function toProgress({ progress }: JobDocument): string {
  const { plugin, percent, pluginPercent } = progress
  const chain = `${Math.round(percent)} %`
  if (plugin === null) return chain
  return `${chain} (${[plugin, ...(pluginPercent === undefined ? [] : [`${Math.round(pluginPercent)} %`])].join(' ')})`
}
