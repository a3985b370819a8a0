import { prettyFactory } from 'pino-pretty'
import { escapeStrings } from './redact.ts'

/** Creates the function that formats a JSON entry for people: one line, or a block when it contains a stack. */
export function createPretty(color: boolean): (line: string) => string {
  const shared = { colorize: color, translateTime: 'SYS:HH:MM:ss.l', errorLikeObjectKeys: [] }
  const formatLine = prettyFactory({ ...shared, singleLine: true })
  const formatBlock = prettyFactory(shared)
  return (line) => {
    // pino-pretty prints messages and stacks unchanged, and drops control characters elsewhere.
    const entry = escapeStrings(JSON.parse(line)) as Record<string, unknown>
    const hasStack = Object.values(entry).some(
      (value) => typeof value === 'object' && value !== null && 'stack' in value,
    )
    return (hasStack ? formatBlock : formatLine)(entry) as string
  }
}
