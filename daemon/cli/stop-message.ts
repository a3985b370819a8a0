type Stop = {
  /** Name of a signal or of an interruption. */
  reason: string
  /** Number of running jobs. */
  jobs: number
  graceSeconds: number
  /** False if the grace time starts later: the machine may be terminated. */
  urgent: boolean
}

/** Describes what a daemon that stops waits for, and how to end it at once. */
export function describeStop({ reason, jobs, graceSeconds, urgent }: Stop): string {
  const stops = `daemon is stopping (${reason}): it takes no more jobs`
  if (jobs === 0) return `${stops}, and none is running`
  const running = jobs === 1 ? '1 job' : `${jobs} jobs`
  const time = urgent ? `within ${graceSeconds} s` : `until ${graceSeconds} s after a signal or the final interruption`
  return `${stops}, ${running} can finish ${time}. A second signal (Ctrl-C again) ends it at once`
}
