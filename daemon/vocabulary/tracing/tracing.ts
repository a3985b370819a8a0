import type { TraceContext } from './trace-context.ts'

export type SpanAttributes = Readonly<Record<string, string | number>>

/** One operation in a trace. */
export type TraceSpan = {
  /** Adds attributes. */
  set(attributes: SpanAttributes): void
  /** Records the error that ended the operation. */
  fail(error: unknown): void
}

export type SpanRequest = {
  readonly name: string
  readonly attributes: SpanAttributes
  /**
   * The message that the span processes; its trace goes on, or a new one starts. Without it, the span is a child of the
   * current one.
   */
  readonly message?: { readonly trace?: TraceContext }
}

/** Creates the spans of a process. */
export type Tracing = {
  /** Runs `run` in a span, which ends with it. An error that it throws is recorded. */
  span<T>(request: SpanRequest, run: (span: TraceSpan) => Promise<T>): Promise<T>
  /** Runs `run` in the trace of a message, without a span of its own. */
  resume<T>(trace: TraceContext | undefined, run: () => Promise<T>): Promise<T>
  /** Returns the place of the current span, for messages; undefined outside of a trace. */
  current(): TraceContext | undefined
  /** Exports the spans that have ended. */
  flush(): Promise<void>
}

const silent: TraceSpan = { set: () => undefined, fail: () => undefined }

/** Creates no spans. */
export const noTracing: Tracing = {
  span: (_, run) => run(silent),
  resume: (_, run) => run(),
  current: () => undefined,
  flush: async () => undefined,
}
