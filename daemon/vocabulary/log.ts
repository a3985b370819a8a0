/** The log that a plugin receives. Every line already has the id of the job and the name of the plugin. */
export type Log = {
  debug: LogMethod
  info: LogMethod
  warn: LogMethod
  error: LogMethod
  /** Returns a log that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Log
}

/**
 * The daemon's own log. Each line names what happened in `event`: dotted, lower case, stable, listed in
 * `docs/operating.md`. Fields have the same names in all lines: `error`, `job` (its id), `message` (the id of
 * a queue message), `queue`.
 */
export type DaemonLog = {
  debug: DaemonLogMethod
  info: DaemonLogMethod
  warn: DaemonLogMethod
  error: DaemonLogMethod
  /** Returns the log of a plugin. Its lines need no `event`. */
  child(fields: { plugin: string }): Log
  child(fields: Readonly<Record<string, unknown>>): DaemonLog
}
export type DaemonLogMethod = (fields: { event: LogEvent; [field: string]: unknown }, message: string) => void

/** Name of what a log line reports, such as `job.started`. */
export type LogEvent = `${string}.${string}`

export type LogMethod = {
  (fields: object, message?: string): void
  (message: string): void
}
