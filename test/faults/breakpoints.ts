import type { Call } from './calls.ts'
import type { FaultProxy, Reply } from './proxy.ts'

/**
 * A network call of a daemon at which the daemon is killed or stopped. The label consists of the phase of the job, the kind
 * of call, and its number among the calls of that kind, so that it means the same in every run.
 */
export type Breakpoint = { readonly label: string; readonly when: 'before' | 'after' }

export type CallTracker = {
  /** Labels of the calls since the first poll, in order. Polls that return no message are left out. */
  readonly labels: readonly string[]
}

export type BreakpointAction = Breakpoint & {
  /** Runs once, at the call. The call is not forwarded, or its reply is dropped. */
  act(): Promise<void>
}

type Phase = 'claiming' | 'running' | 'finished'

/** Labels the calls through a proxy, and runs the action of a breakpoint. */
export function trackCalls(proxy: FaultProxy, breakpoint?: BreakpointAction): CallTracker {
  const labels: string[] = []
  const counts = new Map<string, number>()
  let latest = ''
  let phase: Phase = 'claiming'
  let isStarted = false

  function addLabel(call: Call): string {
    const kind = `${phase}: ${call.name}${toDetail(call)}`
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    if (call.name === 'PUT document') phase = call.fields.state === 'processing' ? 'running' : 'finished'
    const label = `${kind} #${count}`
    labels.push(label)
    return label
  }

  proxy.watch((call) => {
    // not when the daemon is ready: it can have received a message by then
    isStarted ||= isPoll(call)
    latest = isStarted && !isPoll(call) ? addLabel(call) : ''
  })
  const act = breakpoint?.act ?? (() => undefined)
  // the proxy matches its faults right after it has reported the call to the watcher above
  const isHere = () => latest !== '' && latest === breakpoint?.label
  if (breakpoint?.when === 'before') proxy.fault({ on: isHere, times: 1, do: 'drop', act })
  if (breakpoint?.when === 'after') proxy.fault({ on: isHere, times: 1, do: 'dropReply', act })
  // only the reply shows whether a poll returned a message
  const isPollHere = (call: Call, reply: Reply) => hasMessages(reply) && addLabel(call) === breakpoint?.label
  proxy.fault({ on: isPoll, do: 'dropReply', when: (reply, call) => isPollHere(call, reply), act })
  return { labels }
}

/** Returns whether a crash at this breakpoint happens after the claim was written and before the end of the job was. */
export function isInsideClaim({ label, when }: Breakpoint): boolean {
  if (label.startsWith('claiming: PUT document')) return when === 'after'
  if (label.startsWith('running: PUT document succeeded')) return when === 'before'
  return label.startsWith('running:')
}

const isPoll = ({ op }: Call) => op === 'ReceiveMessage'
const hasMessages = ({ body }: Reply) => body.includes('"ReceiptHandle"')
const toDetail = ({ name, fields }: Call) => (name === 'PUT document' ? ` ${String(fields.state)}` : '')
