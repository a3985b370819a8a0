/** Where a plugin and the daemon write their log lines; the job's id is on each already. */
export type Log = {
  debug: LogMethod
  info: LogMethod
  warn: LogMethod
  error: LogMethod
  child(fields: Record<string, unknown>): Log
}
export type LogMethod = {
  (fields: object, message?: string): void
  (message: string): void
}
