import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Metadata } from './metadata.ts'

/** AWS asks for this: a notice comes two minutes before the end, at times less. */
const INTERVAL_MS = 5000

/**
 * Where the machine says that it will be gone: a path of its metadata, and what that says when it does. Nothing stands there
 * otherwise.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html, rebalance-recommendations.html,
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
 */
const notices = [
  { path: 'spot/instance-action', says: /./, urgent: true, what: 'spot_interruption' },
  {
    path: 'autoscaling/target-lifecycle-state',
    says: /^(?:Terminated|Warmed:(?:Terminated|Stopped|Hibernated))$/,
    urgent: true,
    what: 'autoscaling_termination',
  },
  {
    path: 'events/recommendations/rebalance',
    says: /./,
    urgent: false,
    what: 'rebalance_recommendation',
  },
]

export type Interruption = {
  /** Stable name, the `reason` in the log. */
  readonly what: string
  /** Whether the end is near and certain; else it is a warning, which may be followed by one that is. */
  readonly urgent: boolean
}

export type WatchDeps = {
  metadata: Metadata
  /** Called once for a warning, if there is one, and once for what is urgent. */
  onInterruption(notice: Interruption): void
  log: DaemonLog
  clock?: Clock
}

/**
 * Looks for a notice that this machine will be gone, at once and every 5 s, until there is an urgent one. Metadata that does
 * not answer is warned of once, and asked again.
 *
 * @returns what ends it
 */
export function watchForInterruption(deps: WatchDeps): () => Promise<void> {
  const stop = new AbortController()
  const watching = watch(deps, stop.signal)
  return () => {
    stop.abort()
    return watching
  }
}

async function watch(
  { metadata, onInterruption, log, clock = systemClock }: WatchDeps,
  stop: AbortSignal,
): Promise<void> {
  let failing = false
  let warned = false
  while (!stop.aborted) {
    const { notice, failure } = await readInterruption(metadata)
    if (failure !== undefined && !failing)
      log.warn(
        { event: 'interruption.check_failed', error: failure },
        `cannot read interruptions from the instance metadata: ${toMessage(failure)}`,
      )
    if (failure === undefined && failing)
      log.info({ event: 'interruption.check_recovered' }, 'instance metadata responds again')
    failing = failure !== undefined
    if (notice !== undefined && (notice.urgent || !warned)) onInterruption(notice)
    if (notice?.urgent) return
    warned ||= notice !== undefined
    await clock.wait(INTERVAL_MS, stop)
  }
}

/** The most urgent notice there is, and why another could not be read: what is not known now may be what is urgent. */
async function readInterruption(metadata: Metadata): Promise<{ notice?: Interruption; failure?: unknown }> {
  const answers = await Promise.allSettled(notices.map(({ path }) => metadata.read(path)))
  const texts = answers.map((answer) => (answer.status === 'fulfilled' ? (answer.value ?? '') : ''))
  const notice = notices.find(({ says }, index) => says.test(texts[index] ?? ''))
  const failed = answers.find((answer) => answer.status === 'rejected')
  return { ...(notice && { notice }), ...(failed && { failure: failed.reason }) }
}
