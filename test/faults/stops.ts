import type { Call } from './calls.ts'
import type { FaultProxy, Reply } from './proxy.ts'

/**
 * A place in a job's life where its daemon may die: one of its network calls, by name. The name tells how far the job is,
 * what the call does, and the how-manieth of its kind it is, so that it means the same in every run.
 */
export type Stop = { readonly label: string; readonly when: 'before' | 'after' }

export type CallTracker = {
  /** The calls since the beginning, in order. A poll is one when it brought something. */
  readonly labels: readonly string[]
  /** From now on calls count: the job's message is about to come. */
  begin(): void
}

export type StopAction = Stop & {
  /** Done once, there: the call is not forwarded, or its reply is withheld. */
  act(): Promise<void>
}

type Phase = 'taking' | 'running' | 'over'

/** Names the calls on a line, and acts at one of them. */
export function trackCalls(proxy: FaultProxy, stop?: StopAction): CallTracker {
  const labels: string[] = []
  const counts = new Map<string, number>()
  let latest = ''
  let phase: Phase = 'taking'
  let begun = false

  function label(call: Call): string {
    const kind = `${phase}: ${call.name}${toDetail(call)}`
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    if (call.name === 'PUT document') phase = call.fields.state === 'processing' ? 'running' : 'over'
    const made = `${kind} #${count}`
    labels.push(made)
    return made
  }

  proxy.watch((call) => {
    latest = begun && !isPoll(call) ? label(call) : ''
  })
  const act = stop?.act ?? (() => undefined)
  const isHere = () => latest !== '' && latest === stop?.label // in the very turn in which the call was named
  if (stop?.when === 'before') proxy.fault({ on: isHere, times: 1, do: 'drop', act })
  if (stop?.when === 'after') proxy.fault({ on: isHere, times: 1, do: 'dropReply', act })
  // what a poll brings is known only afterwards
  const stopsThere = (call: Call, reply: Reply) => begun && hasMessages(reply) && label(call) === stop?.label
  proxy.fault({ on: isPoll, do: 'dropReply', when: (reply, call) => stopsThere(call, reply), act })
  return { labels, begin: () => void (begun = true) }
}

/** Whether a crash here comes after the claim was written, and before the job's end was. */
export function isInsideClaim({ label, when }: Stop): boolean {
  if (label.startsWith('claiming: PUT document')) return when === 'after'
  if (label.startsWith('running: PUT document succeeded')) return when === 'before'
  return label.startsWith('running:')
}

const isPoll = ({ op }: Call) => op === 'ReceiveMessage'
export const hasMessages = ({ body }: Reply) => body.includes('"ReceiptHandle"')
const toDetail = ({ name, fields }: Call) => (name === 'PUT document' ? ` ${String(fields.state)}` : '')
