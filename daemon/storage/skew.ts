import type { DaemonLog } from '../vocabulary/log.ts'

/** What a clock may be off by before it is worth a word: answers take their time, and `Date` is in whole seconds. */
const TOLERANCE_SECONDS = 30

/** Compares this machine's clock with S3's, by the `Date` of an answer that has just come, and when it was asked for. */
export type SkewWatch = (answer: { date: string | undefined; askedAt: number }) => void

/**
 * Says once that the clocks differ, and once that they agree again. No lease depends on it (their age is told by S3's clock
 * alone), but times in documents and logs do; the SDK's signatures and the expiry of upload URLs are corrected for it.
 */
export function createSkewWatch(log: DaemonLog, now: () => number = Date.now): SkewWatch {
  let skewed = false
  return ({ date, askedAt }) => {
    const seconds = toSkewSeconds(Date.parse(date ?? ''), askedAt, now())
    if (Number.isNaN(seconds) || Math.abs(seconds) > TOLERANCE_SECONDS === skewed) return
    skewed = !skewed
    if (!skewed) return log.info({ event: 'clock.recovered' }, "clock of this machine agrees with S3's again")
    const off = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'}`
    log.warn(
      { event: 'clock.skewed', skewSeconds: seconds },
      `clock of this machine is ${off} S3's: no job suffers, but logged times are wrong; set the clock`,
    )
  }
}

/** Zero when the answer's date lies between question and answer, however long that took. */
function toSkewSeconds(date: number, askedAt: number, answeredAt: number): number {
  if (Number.isNaN(date)) return date
  const skewMs = date < askedAt ? askedAt - date : Math.min(0, answeredAt - date)
  return Math.round(skewMs / 1000)
}
