import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Metadata } from './metadata.ts'

/** As AWS recommends: an interruption is announced two minutes ahead, sometimes less. */
const INTERVAL_MS = 5000

/**
 * The metadata paths that announce an interruption, and the values that do. Without an interruption, a path does not exist
 * or has another value.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html, rebalance-recommendations.html,
 * https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
 */
const announcements = [
  { path: 'spot/instance-action', pattern: /./, urgent: true, what: 'spot_interruption' },
  {
    path: 'autoscaling/target-lifecycle-state',
    pattern: /^(?:Terminated|Warmed:(?:Terminated|Stopped|Hibernated))$/,
    urgent: true,
    what: 'autoscaling_termination',
  },
  {
    path: 'events/recommendations/rebalance',
    pattern: /./,
    urgent: false,
    what: 'rebalance_recommendation',
  },
]

export type Interruption = {
  /** Stable name; the `reason` in the log. */
  readonly what: string
  /** True if the termination is certain; false for a warning, which an urgent interruption can follow. */
  readonly urgent: boolean
}

export type WatchDeps = {
  metadata: Metadata
  /** Called at most once for a warning, and once for an urgent interruption. */
  onInterruption(interruption: Interruption): void
  log: DaemonLog
  clock?: Clock
}

/**
 * Checks for an interruption of this machine immediately and then every 5 s, until there is an urgent one. When the metadata
 * service does not respond, it logs one warning and tries again.
 *
 * @returns a function that stops the checks
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
    const { interruption, failure } = await readInterruption(metadata)
    if (failure !== undefined && !failing)
      log.warn(
        { event: 'interruption.check_failed', error: failure },
        `cannot read interruptions from the instance metadata: ${toMessage(failure)}`,
      )
    if (failure === undefined && failing)
      log.info({ event: 'interruption.check_recovered' }, 'instance metadata responds again')
    failing = failure !== undefined
    if (interruption !== undefined && (interruption.urgent || !warned)) onInterruption(interruption)
    if (interruption?.urgent) return
    warned ||= interruption !== undefined
    await clock.wait(INTERVAL_MS, stop)
  }
}

/** Returns the most urgent interruption, and the failure to read a path, which could have announced a more urgent one. */
async function readInterruption(metadata: Metadata): Promise<{ interruption?: Interruption; failure?: unknown }> {
  const results = await Promise.allSettled(announcements.map(({ path }) => metadata.read(path)))
  const texts = results.map((result) => (result.status === 'fulfilled' ? (result.value ?? '') : ''))
  const interruption = announcements.find(({ pattern }, index) => pattern.test(texts[index] ?? ''))
  const failed = results.find((result) => result.status === 'rejected')
  return { ...(interruption && { interruption }), ...(failed && { failure: failed.reason }) }
}
