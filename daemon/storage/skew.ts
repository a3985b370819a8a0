import type { DaemonLog } from '../vocabulary/log.ts'

/** Largest skew that is not logged. `Date` has a resolution of one second. */
const TOLERANCE_SECONDS = 30

/**
 * Compares this machine's clock with S3's, given the `Date` header of a response that has just arrived, and when its
 * request was sent (milliseconds since the epoch).
 */
export type SkewWatch = (response: { date: string | undefined; sentAt: number }) => void

/**
 * Creates a watch that logs once when the clocks differ, and once when they agree again. Leases do not depend on the local
 * clock (their age is measured by S3's clock alone), but times in documents and logs do. The SDK corrects its signatures and
 * the expiry of upload URLs for the skew.
 */
export function createSkewWatch(log: DaemonLog, now: () => number = Date.now): SkewWatch {
  let skewed = false
  return ({ date, sentAt }) => {
    const seconds = toSkewSeconds(Date.parse(date ?? ''), sentAt, now())
    if (Number.isNaN(seconds) || Math.abs(seconds) > TOLERANCE_SECONDS === skewed) return
    skewed = !skewed
    if (!skewed) return log.info({ event: 'clock.recovered' }, "clock of this machine agrees with S3's again")
    const off = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'}`
    log.warn(
      { event: 'clock.skewed', skewSeconds: seconds },
      `clock of this machine is ${off} S3's: jobs are not affected, but logged times are wrong; set the clock`,
    )
  }
}

/** Returns 0 when the response's date lies between request and response, however long that took. */
function toSkewSeconds(date: number, sentAt: number, receivedAt: number): number {
  if (Number.isNaN(date)) return date
  const skewMs = date < sentAt ? sentAt - date : Math.min(0, receivedAt - date)
  return Math.round(skewMs / 1000)
}
