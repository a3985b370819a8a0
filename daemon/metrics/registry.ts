import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { definitions, type Definition, type MetricName } from './definitions.ts'
import type { Labels, Meter } from './meter.ts'

export type MetricRegistry = {
  readonly meter: Meter
  /** Renders all metrics in the text format. */
  render(): Promise<string>
  close(): void
}

/** Resolution of the measured delays of the event loop. A timer fires once in this time, which costs little. */
const RESOLUTION_MS = 50

/**
 * Creates all metrics, and those of the process. Series whose labels are known exist from the start, with 0: a counter that
 * appears with its first event would hide that event from `rate`.
 *
 * @param known values of labels that {@link definitions} does not list, such as the names of the plugins
 */
export function createRegistry(known: Readonly<Record<string, readonly string[]>>): MetricRegistry {
  const registry = new Registry()
  const metrics = new Map<MetricName, Counter | Gauge | Histogram>()
  for (const [name, definition] of Object.entries(definitions) as [MetricName, Definition][])
    metrics.set(name, create(registry, { name, definition, known }))
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: RESOLUTION_MS })
  const find = <Kind extends Counter | Gauge | Histogram>(name: MetricName): Kind => metrics.get(name) as Kind
  return {
    meter: {
      add: (name, value, labels = {}) => find<Counter>(name).inc(labels, value),
      observe: (name, value, labels = {}) => find<Histogram>(name).observe(labels, value),
      set: (name, value, labels = {}) =>
        value === null ? find<Gauge>(name).remove(labels) : find<Gauge>(name).set(labels, value),
    },
    render: () => registry.metrics(),
    close: () => registry.clear(),
  }
}

type Request = { name: string; definition: Definition; known: Readonly<Record<string, readonly string[]>> }

function create(registry: Registry, { name, definition, known }: Request): Counter | Gauge | Histogram {
  const { kind, help, labels = {}, buckets = [] } = definition
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  const combinations = toCombinations(labels, known)
  if (kind === 'gauge') return new Gauge(options)
  if (kind === 'counter') {
    const counter = new Counter(options)
    for (const combination of combinations) counter.inc(combination, 0)
    return counter
  }
  const histogram = new Histogram({ ...options, buckets: [...buckets] })
  for (const combination of combinations) histogram.zero(combination)
  return histogram
}

/** Returns every combination of the values of the labels; none if the values of a label are unknown. */
export function toCombinations(
  labels: NonNullable<Definition['labels']>,
  known: Readonly<Record<string, readonly string[]>>,
): Labels[] {
  return Object.entries(labels).reduce<Labels[]>(
    (combinations, [label, listed]) => {
      const values = typeof listed === 'string' ? (known[label] ?? []) : listed
      return combinations.flatMap((one) => values.map((value) => Object.assign({}, one, { [label]: value })))
    },
    [{}],
  )
}
