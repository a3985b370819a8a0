import type { Call } from './calls.ts'
import type { Line, Reply } from './proxy.ts'

/**
 * A place in a job's life where its daemon may die: one of its network calls, by name. The name tells how far the job is,
 * what the call does, and the how-manieth of its kind it is, so that it means the same in every run.
 */
export type Stop = { readonly label: string; readonly when: 'before' | 'after' }

export type Story = {
  /** The calls since the beginning, in order. A poll is one when it brought something. */
  readonly labels: readonly string[]
  /** From now on calls count: the job's message is about to come. */
  begin(): void
}

export type Plot = Stop & {
  /** Done once, there: the call is not forwarded, or its reply is withheld. */
  act(): Promise<void>
}

type Phase = 'taking' | 'running' | 'over'

/** Names the calls on a line, and acts at one of them. */
export function tellStory(line: Line, plot?: Plot): Story {
  const labels: string[] = []
  const counts = new Map<string, number>()
  let latest = ''
  let phase: Phase = 'taking'
  let begun = false

  function label(call: Call): string {
    const kind = `${phase}: ${call.name}${toDetail(call)}`
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    if (call.name === 'PUT document') phase = call.says.state === 'processing' ? 'running' : 'over'
    const made = `${kind} #${count}`
    labels.push(made)
    return made
  }

  line.watch((call) => {
    latest = begun && !isPoll(call) ? label(call) : ''
  })
  const act = plot?.act ?? (() => undefined)
  const isHere = () => latest !== '' && latest === plot?.label // in the very turn in which the call was named
  if (plot?.when === 'before') line.fault({ on: isHere, times: 1, do: 'drop', act })
  if (plot?.when === 'after') line.fault({ on: isHere, times: 1, do: 'dropReply', act })
  // what a poll brings is known only afterwards
  const stopsThere = (call: Call, reply: Reply) => begun && hasMessages(reply) && label(call) === plot?.label
  line.fault({ on: isPoll, do: 'dropReply', when: (reply, call) => stopsThere(call, reply), act })
  return { labels, begin: () => void (begun = true) }
}

/** Whether a crash here comes after the claim was written, and before the job's end was. */
export function isInsideClaim({ label, when }: Stop): boolean {
  if (label.startsWith('taking: PUT document')) return when === 'after'
  if (label.startsWith('running: PUT document succeeded')) return when === 'before'
  return label.startsWith('running:')
}

const isPoll = ({ op }: Call) => op === 'ReceiveMessage'
export const hasMessages = ({ body }: Reply) => body.includes('"ReceiptHandle"')
const toDetail = ({ name, says }: Call) => (name === 'PUT document' ? ` ${String(says.state)}` : '')
