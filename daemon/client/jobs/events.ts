/** An event of a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export type StreamEvent = { readonly type: string; readonly data: string }

/** What a stream has told for the next connection. */
export type StreamPosition = { lastEventId: string; retrySeconds: number }

/** Creates a parser of a stream. It returns the events that each piece of text completes, and updates the position. */
export function createEventParser(position: StreamPosition): (text: string) => StreamEvent[] {
  let rest = ''
  let type = ''
  let data: string[] = []
  const parseLine = (line: string): StreamEvent[] => {
    if (line === '') {
      const event = { type: type || 'message', data: data.join('\n') }
      const isEmpty = data.length === 0
      type = ''
      data = []
      return isEmpty ? [] : [event]
    }
    const [, name, value = ''] = /^([^:]*)(?::\x20?(.*))?$/s.exec(line) ?? []
    if (name === 'event') type = value
    else if (name === 'data') data.push(value)
    else if (name === 'id' && !value.includes('\0')) position.lastEventId = value
    else if (name === 'retry' && /^\d+$/.test(value)) position.retrySeconds = Number(value) / 1000
    return []
  }
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/) // a CR at the end can be the first half of CRLF
    rest = lines.pop() ?? ''
    return lines.flatMap(parseLine)
  }
}
