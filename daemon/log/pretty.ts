import { prettyFactory } from 'pino-pretty'
import { makeVisible } from './redact.ts'

/** Makes the function that turns a JSON entry into text for a person: one line, or a block when it holds a stack. */
export function createPretty(color: boolean): (line: string) => string {
  const shared = { colorize: color, translateTime: 'SYS:HH:MM:ss.l', errorLikeObjectKeys: [] }
  const inOneLine = prettyFactory({ ...shared, singleLine: true })
  const inBlocks = prettyFactory(shared)
  return (line) => {
    // pino-pretty prints messages and stacks as they are and drops control characters elsewhere
    const entry = makeVisible(JSON.parse(line)) as Record<string, unknown>
    const isLong = Object.values(entry).some((value) => typeof value === 'object' && value !== null && 'stack' in value)
    return (isLong ? inBlocks : inOneLine)(entry) as string
  }
}
