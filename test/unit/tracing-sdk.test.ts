/** What an OpenTelemetry SDK can do wrong without effect on jobs. */
import { context, trace, type ContextManager, type SpanContext, type TraceState } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import * as assert from 'uvu/assert'
import { createTracing } from '../../daemon/tracing/tracing.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { rejection } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('OpenTelemetry SDKs with defects')
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const tracing = createTracing('1.2.3')

test.afterEach(() => context.disable())

const fail = (): never => {
  throw new Error('the SDK has a defect')
}

test('a context manager that throws affects no job', async () => {
  const broken: ContextManager = {
    active: fail,
    with: fail,
    bind: (_, target) => target,
    enable: () => broken,
    disable: () => broken,
  }
  context.setGlobalContextManager(broken)
  assert.is(await tracing.span({ name: 'plugin a', attributes: {} }, async () => 1), 1)
  assert.is(await tracing.resume({ traceparent }, async () => tracing.current()), undefined)
  const error = new MediadError('input.corrupt', 'too many errors')
  let runs = 0
  const failing = tracing.resume({ traceparent }, () => {
    runs++
    return Promise.reject(error)
  })
  assert.is(await rejection(failing), error)
  assert.is(runs, 1)
})

/** Returns the place that messages carry within a span of this context. */
const placeWithin = (given: SpanContext) =>
  context.with(trace.setSpanContext(context.active(), given), () => tracing.current())

test('a message carries no place that SQS would reject', () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  const traceState: TraceState = {
    get: () => undefined,
    set: () => traceState,
    unset: () => traceState,
    serialize: () => 'a=\u0001',
  }
  const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }
  assert.equal(placeWithin({ ...span, traceState }), { traceparent })
  assert.is(placeWithin({ ...span, traceFlags: undefined as never }), undefined)
})
