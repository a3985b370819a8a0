import { noTracing, type Tracing } from '../vocabulary/tracing/tracing.ts'

/** The key under which every copy of `@opentelemetry/api` 1.x finds what an SDK has registered. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

/**
 * Returns the tracing of the OpenTelemetry SDK that this process has registered. Without one it creates no spans, and does not
 * load the API, which takes a noticeable part of the start.
 */
export async function openTracing(version: string): Promise<Tracing> {
  const registered = (globalThis as { [REGISTERED]?: { trace?: unknown } })[REGISTERED]
  if (registered?.trace === undefined) return noTracing
  const { createTracing } = await import('./tracing.ts')
  return createTracing(version)
}
