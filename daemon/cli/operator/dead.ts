import { MediadError } from '../../vocabulary/errors.ts'
import type { Buried } from '../../operate/dead.ts'
import { toHistoryGrid } from './jobs.ts'
import { operate, type Desk } from './operate.ts'
import { report } from './report.ts'
import { toGrid, toLines, toPlain } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'

export type DeadRequest = {
  action: 'list' | 'show' | 'redrive' | 'drop'
  /** Needed to show; to redrive or drop, everything is meant when there is none. */
  name: string | undefined
  config?: string
}

/** `mediad dead`: what lies on the dead queue, and what shall become of it; 1 when a wanted thing was not done. */
export async function dead(terminal: Terminal, request: DeadRequest): Promise<0 | 1> {
  return await operate(terminal, request, async (desk) => {
    const { action, name } = request
    if (action === 'list') return await listDead(terminal, desk)
    if (action === 'show') return await showDead(terminal, name ?? '', desk)
    const outcomes = await desk.dead[action]({ name, signal: desk.signal })
    if (outcomes.length === 0 && name !== undefined) throw notFound(name)
    for (const outcome of outcomes) report(terminal, outcome)
    // of everything, what lives already is left alone; what was asked for by name shall be done
    return name !== undefined && outcomes.some(({ done }) => !done) ? 1 : 0
  })
}

async function listDead(terminal: Terminal, { dead, signal }: Desk): Promise<0> {
  const buried = await dead.list({ signal })
  if (terminal.human) terminal.say(toGrid(head, buried.map(toDeadRow)), {})
  else for (const one of buried) terminal.say('', toFields(one))
  return 0
}

const head = ['id', 'key', 'reason', 'message', 'at', 'attempt', 'claim', 'document']

/** What one line of the list says to a person. */
export function toDeadRow({ id, dead, document }: Buried): string[] {
  const { job, error, reason, at } = dead ?? {}
  return [
    id,
    job?.source.key ?? '–',
    reason ?? 'no message of mediad',
    error?.message.slice(0, 80) ?? '–',
    at ?? '–',
    job === undefined ? '–' : String(job.attempt),
    job === undefined ? '–' : String(job.claim),
    document?.state ?? '–',
  ]
}

function toFields({ id, dead, body, document, messages }: Buried): Record<string, unknown> {
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

async function showDead(terminal: Terminal, name: string, { dead, signal }: Desk): Promise<0> {
  const [one] = await dead.list({ name, signal })
  if (one === undefined) throw notFound(name)
  terminal.say(describeDead(one), { ...toFields(one), dead: one.dead, document: one.document })
  return 0
}

/** Everything of one for a person. */
export function describeDead(one: Buried): string {
  const { id, dead, body, messages, document } = one
  const lines = toLines({
    id,
    ...(dead?.job && { key: dead.job.source.key }),
    ...(dead && { reason: `${dead.reason}: ${dead.error.message}`, at: dead.at }),
    messages: String(messages),
    ...(dead?.job && { document: document?.state ?? 'none' }),
    ...(body !== undefined && { body }),
  })
  // the document has what the attempts printed; a message has no room for it
  const history = document?.history ?? dead?.job?.history ?? []
  const stderr = document?.error?.stderr ?? dead?.error.stderr ?? []
  return [
    lines,
    ...(history.length > 0 ? [toHistoryGrid(history)] : []),
    ...stderr.map((line) => `  ${toPlain(line)}`),
  ].join('\n')
}

function notFound(name: string): MediadError {
  const where = 'mediad dead list names what there is; mediad jobs names every job'
  return new MediadError('job.not_found', `nothing on the dead queue, and no dead job, is called "${name}": ${where}`)
}
