import {
  context,
  createTraceState,
  diag,
  INVALID_SPAN_CONTEXT as INVALID,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
} from '@opentelemetry/api'
import { toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toTraceContext, type TraceContext } from '../vocabulary/tracing/trace-context.ts'
import type { TraceSpan, Tracing } from '../vocabulary/tracing/tracing.ts'

/** A slow collector must not keep a stopping daemon for longer. */
const FLUSH_MS = 5_000

/** Creates the tracing of the registered OpenTelemetry SDK. */
export function createTracing(version: string): Tracing {
  const tracer = trace.getTracer('mediad', version)
  return {
    span({ name, attributes, message }, run) {
      const parent = (message ? toContext(message.trace) : attempt(() => context.active())) ?? ROOT_CONTEXT
      const kind = message ? SpanKind.CONSUMER : SpanKind.INTERNAL
      const inner =
        attempt(() => tracer.startSpan(name, { kind, attributes }, parent)) ?? trace.wrapSpanContext(INVALID)
      return runWith(trace.setSpan(parent, inner), () => runIn(inner, run))
    },
    resume: (place, run) => runWith(toContext(place), run),
    current: () => attempt(() => toPlace(context.active())),
    flush,
  }
}

/** Runs `run` once, in a context if the SDK can set it. */
function runWith<T>(inner: Context, run: () => Promise<T>): Promise<T> {
  let running: Promise<T> | undefined
  attempt(() => context.with(inner, () => void (running = Promise.try(run))))
  return running ?? run()
}

async function runIn<T>(inner: Span, run: (span: TraceSpan) => Promise<T>): Promise<T> {
  const span: TraceSpan = {
    set: (attributes) => void attempt(() => inner.setAttributes(attributes)),
    fail: (error) => attempt(() => fail(inner, error)),
  }
  try {
    return await run(span)
  } catch (error) {
    span.fail(error)
    throw error
  } finally {
    attempt(() => inner.end())
  }
}

/** Calls the SDK. What it throws, such as the error of a sampler, goes to the diagnostics of OpenTelemetry, not into a job. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    diag.error('mediad: the OpenTelemetry SDK threw an error', error)
    return undefined
  }
}

function fail(span: Span, thrown: unknown): void {
  const { code, message } = toMediadError(thrown, 'internal.plugin')
  span.setAttribute('error.type', code)
  span.recordException({ name: code, message })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

/** Continues the trace of a message, whatever format the propagator of the SDK has: messages have W3C's. */
function toContext(place: TraceContext | undefined): Context {
  if (place === undefined) return ROOT_CONTEXT
  const [, traceId = '', spanId = '', flags = ''] = place.traceparent.split('-')
  const traceState = createTraceState(place.tracestate)
  const traceFlags = Number.parseInt(flags, 16)
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, traceState, isRemote: true })
}

function toPlace(active: Context): TraceContext | undefined {
  const found = trace.getSpanContext(active)
  if (found === undefined || !trace.isSpanContextValid(found)) return undefined
  const { traceId, spanId, traceFlags, traceState } = found
  const flags = traceFlags.toString(16).padStart(2, '0')
  // SQS rejects a message whose attributes have other characters than these
  return toTraceContext(`00-${traceId}-${spanId}-${flags}`, traceState?.serialize())
}

/** Not in the API: the provider of every SDK has it. */
type Flushable = { forceFlush?(): Promise<void>; getDelegate?(): Flushable }

async function flush(): Promise<void> {
  const registered = trace.getTracerProvider() as Flushable
  const provider = registered.getDelegate?.() ?? registered
  const timeout = Promise.withResolvers<void>()
  const timer = setTimeout(timeout.resolve, FLUSH_MS)
  try {
    await Promise.race([provider.forceFlush?.(), timeout.promise])
  } catch (error) {
    throw Array.isArray(error) ? new AggregateError(error, toMessage(error[0])) : error // one error per batch
  } finally {
    clearTimeout(timer)
  }
}
