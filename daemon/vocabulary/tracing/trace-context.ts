/** The place of a message or a span in a trace, as the W3C recommendation "Trace Context" writes it. */
export type TraceContext = { readonly traceparent: string; readonly tracestate?: string }

/** Version 00 of the format, with valid ids. A later version must be read as this one. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/
/** The longest list that a sender must pass on. */
const TRACESTATE_CHARACTERS = 512

/** Reads the place in a trace from the attributes of a message; undefined if there is none, or not a valid one. */
export function toTraceContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): TraceContext | undefined {
  if (traceparent === undefined || !TRACEPARENT.test(traceparent)) return undefined
  const isUsable = tracestate !== undefined && /^[ -~]+$/.test(tracestate) && tracestate.length <= TRACESTATE_CHARACTERS
  return { traceparent: traceparent.slice(0, 55), ...(isUsable && { tracestate }) }
}
