import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import * as assert from 'uvu/assert'
import { contentTypes, toFormat, toOpenMetrics } from '../../daemon/metrics/format.ts'
import { createMetrics, type MetricSources } from '../../daemon/metrics/metrics.ts'
import { createEmitter } from '../../daemon/vocabulary/emitter.ts'
import { createTestLog } from '../helpers/context.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('formats of metrics')

test('answers in the format that the client prefers', async () => {
  const prometheus =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'
  assert.is(toFormat(prometheus), 'openmetrics')
  assert.is(toFormat('application/openmetrics-text; version=0.0.1,text/plain;q=0.5'), 'text')
  for (const accept of ['', '*/*', 'text/plain', 'application/openmetrics-text;q=0.1,text/plain;q=0.5'])
    assert.is(toFormat(accept), 'text', accept)
})

test('renders both formats, in any order', async () => {
  await using stack = new AsyncDisposableStack()
  const log = createTestLog()
  const none = { used: 0, free: 1, max: 1 }
  const sources: MetricSources = {
    slots: () => ({ work: none, inProgress: none }),
    streams: () => 3,
    queues: async () => ({ work: null, inProgress: null, dead: null }),
    workspaces: async () => ({ bytes: 0, freeBytes: 1 }),
  }
  const build = { version: '1.2.3', ffmpeg: '7.1' }
  const { render, close } = createMetrics({ events: createEmitter(log), sources, build, plugins: [], log })
  stack.defer(close)
  const open = await render('application/openmetrics-text')
  assert.is(open.contentType, contentTypes.openmetrics)
  assert.match(open.body, /^# TYPE mediad_jobs counter\nmediad_jobs_total\{state="processing"\} 0$/m)
  assert.match(open.body, /\n# EOF\n$/)
  const text = await render('text/plain')
  assert.is(text.contentType, contentTypes.text)
  assert.match(text.body, /^# TYPE mediad_jobs_total counter$/m, 'also after OpenMetrics')
})

test('OpenMetrics is what prom-client itself writes', async () => {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'a_total', help: 'An \\ a.', labelNames: ['x'], registers }).inc({ x: 'one "1"\n' }, 2)
  new Gauge({ name: 'b_total', help: 'A gauge.', registers }).set(3)
  new Histogram({ name: 'c_seconds', help: 'A histogram.', buckets: [1, 2], registers }).observe(1.5)
  const text = await registry.metrics()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
  assert.is(toOpenMetrics(text), await registry.metrics())
})
