import { MediadError } from '../../vocabulary/errors.ts'
import type { DeadItem, Outcome } from '../../operate/dead.ts'
import { explainShortPrefix, toShortIds } from '../../operate/names.ts'
import { toHistoryGrid } from './jobs.ts'
import { operate, type OperatorSession } from './operate.ts'
import { report } from './report.ts'
import { toGrid, toLines, toPlain, type Column } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'

export type DeadRequest = {
  action: 'list' | 'show' | 'redrive' | 'drop'
  /** Required by `show`. Without it, `redrive` and `drop` apply to everything. */
  name: string | undefined
  config?: string
}

/** `mediad dead`: lists, shows, redrives or drops items of the dead-letter queue. Returns 1 if the named item was not handled. */
export async function dead(terminal: Terminal, request: DeadRequest): Promise<0 | 1> {
  return await operate(terminal, request, async (session) => {
    const { action, name } = request
    if (action === 'list') return await listDead(terminal, session)
    if (action === 'show') return await showDead(terminal, name ?? '', session)
    const outcomes = await session.dead[action]({ name, signal: session.signal })
    if (outcomes.length === 0 && name !== undefined) throw notFound(name)
    for (const outcome of outcomes) report(terminal, outcome)
    if (terminal.human && name === undefined) terminal.print(summarizeOutcomes(action, outcomes), {})
    // with --all, jobs that are not dead any longer are skipped; a named item must be handled
    return name !== undefined && outcomes.some(({ done }) => !done) ? 1 : 0
  })
}

const verbs = { drop: 'dropped', redrive: 'redriven' } as const

/** Summarizes what `--all` did; the line of each item is printed before. */
export function summarizeOutcomes(action: keyof typeof verbs, outcomes: readonly Outcome[]): string {
  if (outcomes.length === 0) return `Nothing to ${action}: the dead-letter queue is empty`
  const done = outcomes.filter((outcome) => outcome.done).length
  const rest = done === outcomes.length ? '' : `, ${outcomes.length - done} left as they are`
  return `${done} ${verbs[action]}${rest}`
}

async function listDead(terminal: Terminal, { dead, jobs, signal }: OperatorSession): Promise<0> {
  const items = await dead.list({ signal })
  if (terminal.human && items.length === 0) terminal.print(EMPTY, {})
  else if (terminal.human) {
    const shorten = toShortIds([...(await jobs.listIds('', signal)), ...items.map(({ id }) => id)])
    const rows = items.map((item) => toDeadRow({ ...item, id: shorten(item.id) }))
    terminal.print(toGrid([toNameColumn(items), ...columns], rows, terminal.width), {})
  } else for (const item of items) terminal.print('', toFields(item))
  return 0
}

const EMPTY = 'The dead-letter queue is empty'

const columns: readonly Column[] = [
  { name: 'key', shorten: true },
  { name: 'reason' },
  { name: 'message', drop: 5 },
  { name: 'at', drop: 3 },
  { name: 'attempt', drop: 2 },
  { name: 'claim', drop: 1 },
  { name: 'document', drop: 4 },
]

/** Returns the first column, which also has the ids of messages that belong to no job. */
export function toNameColumn(items: readonly DeadItem[]): Column {
  return { name: items.every(({ dead }) => dead?.job !== undefined) ? 'job' : 'id' }
}

/** Converts an item to a row of the list. */
export function toDeadRow({ id, dead, document }: DeadItem): string[] {
  const { job, error, reason, at } = dead ?? {}
  return [
    id,
    job?.source.key ?? '–',
    reason ?? 'not written by mediad',
    error?.message.slice(0, 80) ?? '–',
    at ?? '–',
    job === undefined ? '–' : String(job.attempt),
    job === undefined ? '–' : String(job.claim),
    document?.state ?? '–',
  ]
}

function toFields({ id, dead, body, document, messages }: DeadItem): Record<string, unknown> {
  const { job, error, reason, at } = dead ?? {}
  return {
    id,
    key: job?.source.key ?? null,
    reason: reason ?? null,
    message: error?.message ?? null,
    at: at ?? null,
    attempt: job?.attempt ?? null,
    claim: job?.claim ?? null,
    state: document?.state ?? null,
    messages,
    ...(body !== undefined && { body }),
  }
}

async function showDead(terminal: Terminal, name: string, { dead, signal }: OperatorSession): Promise<0> {
  const [item] = await dead.list({ name, signal })
  if (item === undefined) throw notFound(name)
  terminal.print(describeDead(item, terminal.width), { ...toFields(item), dead: item.dead, document: item.document })
  return 0
}

/** Describes an item in full, as text. */
export function describeDead(item: DeadItem, width?: number): string {
  const { id, dead, body, messages, document } = item
  const lines = toLines({
    id,
    ...(dead?.job && { key: dead.job.source.key }),
    ...(dead && { reason: `${dead.reason}: ${dead.error.message}`, at: dead.at }),
    messages: String(messages),
    ...(dead?.job && { document: document?.state ?? 'none' }),
    ...(body !== undefined && { body }),
  })
  // the output of the attempts' programs is in the document; it is too large for a message
  const history = document?.history ?? dead?.job?.history ?? []
  const stderr = document?.error?.stderr ?? dead?.error.stderr ?? []
  return [
    lines,
    ...(history.length > 0 ? [toHistoryGrid(history, width)] : []),
    ...stderr.map((line) => `  ${toPlain(line)}`),
  ].join('\n')
}

function notFound(name: string): MediadError {
  const advice = 'List the queue with "mediad dead list", and all jobs with "mediad jobs"'
  return new MediadError(
    'job.not_found',
    `no dead-lettered job or message has the id or key "${name}"${explainShortPrefix(name)}. ${advice}`,
  )
}
