/** Checks the dashboard, the alert rules and the page about metrics against the code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { load } from 'js-yaml'
import * as assert from 'uvu/assert'
import { definitions, processMetrics, type Definition } from '../../daemon/metrics/definitions.ts'
import { schema } from '../../daemon/config/schema.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

type Rule = {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: Record<string, string>
}
type Panel = {
  id: number
  title: string
  type: string
  gridPos: Record<'x' | 'y' | 'w' | 'h', number>
  targets?: Target[]
}
type Target = { refId: string; expr: string; legendFormat: string }

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const docs = readDocs(root)
const rules = (load(read('docs/monitoring/alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)
const dashboard = JSON.parse(read('docs/monitoring/dashboard.json')) as {
  panels: Panel[]
  templating: { list: { query: unknown }[] }
}
const targets = dashboard.panels.flatMap(({ targets = [] }) => targets)
const shown = docs
  .table('docs/monitoring.md', 'question')
  .rows.flatMap(([, cell = '']) => toCodes(cell.replaceAll('\\|', '|')))

const test = suite('monitoring')

/** Labels that Prometheus adds to every series. */
const added = ['job', 'instance']
const known = new Map<string, { kind: string; labels: Readonly<Record<string, readonly string[] | string>> }>([
  ['up', { kind: 'gauge', labels: {} }],
  ...Object.keys(processMetrics).map(
    (name) => [name, { kind: name.endsWith('_total') ? 'counter' : 'gauge', labels: {} }] as const,
  ),
  ...Object.entries<Definition>(definitions).flatMap(([name, { kind, labels = {} }]) =>
    kind !== 'histogram'
      ? [[name, { kind, labels }] as const]
      : ['_sum', '_count', '_bucket'].map((suffix) => {
          const inBuckets = suffix === '_bucket' ? { ...labels, le: 'bound' } : labels
          return [`${name}${suffix}`, { kind: 'counter', labels: inBuckets }] as const
        }),
  ),
])

/** Returns what is wrong with an expression: its syntax, its metrics, or their labels. */
function findProblems(template: string): string[] {
  const expression = template.replaceAll('$__rate_interval', '5m')
  const problems: string[] = []
  const names: string[] = []
  const grouping: string[] = []
  parser.parse(expression).iterate({
    enter({ name, from, to, node }) {
      const text = expression.slice(from, to)
      if (node.type.isError) problems.push(`syntax error at ${from}`)
      if (name === 'VectorSelector') names.push(...checkSelector(text, problems))
      if (name === 'GroupingLabels') grouping.push(...(text.match(/\w+/g) ?? []))
      if (name === 'VectorSelector' && isCounter(text)) {
        const range = node.parent?.name
        if (range !== 'MatrixSelector') problems.push(`${text} is a counter without rate or increase`)
      }
    },
  })
  const labels = new Set([...added, ...names.flatMap((name) => Object.keys(known.get(name)?.labels ?? {}))])
  problems.push(...grouping.filter((label) => !labels.has(label)).map((label) => `no metric has the label ${label}`))
  return names.length === 0 ? [...problems, 'no metric'] : problems
}

const isCounter = (selector: string) => known.get(/^\w+/.exec(selector)?.[0] ?? '')?.kind === 'counter'

function checkSelector(text: string, problems: string[]): string[] {
  const [, name = '', matchers = ''] = /^(\w+)(?:\{(.*)\})?$/s.exec(text) ?? []
  const metric = known.get(name)
  if (metric === undefined) problems.push(`there is not a metric ${name}`)
  for (const [, label = '', operator = '', value = ''] of matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)) {
    if (added.includes(label)) continue
    const values = metric?.labels[label]
    if (values === undefined) problems.push(`${name} does not have the label ${label}`)
    else if (typeof values !== 'string')
      for (const one of operator.includes('~') ? value.split('|') : [value])
        if (!values.includes(one)) problems.push(`${label} of ${name} is never "${one}"`)
  }
  return [name]
}

test('the check of expressions finds wrong syntax, metrics, labels and values', () => {
  const problems = [
    ['sum by (queue) (rate(mediad_queue_receives_total{result="empty"}[5m]))', undefined],
    ['sum by (queue (rate(mediad_queue_receives_total[5m]))', 'syntax error at 14'],
    ['mediad_slots', 'there is not a metric mediad_slots'],
    ['mediad_slots_used{state="x"}', 'mediad_slots_used does not have the label state'],
    ['mediad_slots_used{queue="dead"}', 'queue of mediad_slots_used is never "dead"'],
    ['sum by (code) (mediad_slots_used)', 'no metric has the label code'],
    ['mediad_jobs_total > 1', 'mediad_jobs_total is a counter without rate or increase'],
    ['mediad_plugin_cpu_seconds', 'there is not a metric mediad_plugin_cpu_seconds'],
  ] as const
  for (const [expression, problem] of problems) assert.is(findProblems(expression)[0], problem, expression)
})

test('every alert uses metrics, labels and values of the code, and is documented', () => {
  for (const { alert, expr, ...rule } of rules) {
    assert.equal(findProblems(expr), [], alert)
    assert.match(rule.for, /^\d+[mh]$/)
    assert.ok((rule.annotations.summary ?? '').length > 10 && (rule.annotations.description ?? '').length > 10, alert)
  }
  const documented = docs
    .table('docs/monitoring.md', 'alert')
    .rows.map(([name = '', severity]) => [toCodes(name)[0], severity])
  assert.equal(
    documented,
    rules.map(({ alert, labels }) => [alert, labels.severity]),
  )
})

test('the log lines and options that alerts mention exist', () => {
  const texts = rules.flatMap(({ annotations }) => Object.values(annotations)).join(' ')
  const events = docs.table('docs/operating.md', 'event').rows.flatMap(([name = '']) => toCodes(name))
  const codes = docs.page('docs/errors.md').tables.flatMap(({ rows }) => rows.flatMap(([name = '']) => toCodes(name)))
  const mentioned = toCodes(texts).filter((one) => /^[a-z]+\.[a-z_]+$/.test(one))
  assert.ok(mentioned.length > 5)
  assert.equal(
    mentioned.filter((one) => ![...events, ...codes].includes(one)),
    [],
  )
  const options = Object.keys(schema.shape).join('|')
  const paths = texts.match(new RegExp(`\\b(?:${options})\\.[\\w.]*\\w`, 'g')) ?? []
  const { tables } = docs.page('docs/configuration.md')
  const documented = new Set(tables.flatMap(({ rows }) => rows.flatMap(([name = '']) => toCodes(name))))
  assert.equal(
    paths.filter((path) => !documented.has(path) && !events.includes(path)),
    [],
  )
})

test('every panel of the dashboard uses metrics, labels and values of the code', () => {
  assert.ok(targets.length > 25)
  for (const { expr } of targets) assert.equal(findProblems(expr), [], expr)
  for (const { expr, legendFormat } of targets) {
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      const names = expr.match(/\w+(?=\{)/g) ?? []
      const labels = [...added, ...names.flatMap((name) => Object.keys(known.get(name)?.labels ?? {}))]
      assert.ok(labels.includes(label), `${expr}: ${legendFormat}`)
    }
  }
})

test('the variable of the dashboard lists the values of a label that exists', () => {
  const queries = JSON.stringify(dashboard.templating).matchAll(/label_values\((\w+), (\w+)\)/g)
  const [[, name = '', label = ''] = [], ...more] = [...queries]
  assert.equal([known.has(name), added.includes(label), more], [true, true, []])
})

test('panels have different ids and do not overlap', () => {
  const { panels } = dashboard
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const [index, { title, gridPos: a }] of panels.entries()) {
    assert.ok(a.x + a.w <= 24, title)
    const overlaps = panels
      .slice(index + 1)
      .filter(({ gridPos: b }) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h)
    assert.equal(
      overlaps.map((other) => `${title} and ${other.title}`),
      [],
    )
  }
})

test('every metric of mediad is in the dashboard or the alerts, or is listed here', () => {
  const used = [...rules.map(({ expr }) => expr), ...targets.map(({ expr }) => expr)].join(' ')
  const unused = Object.keys(definitions).filter((name) => !used.includes(name))
  assert.equal(unused, [
    'mediad_jobs_total', // attempts show the same with fewer questions
    'mediad_warnings_total',
    'mediad_queue_received_messages_total',
    'mediad_dead_lettered_messages_total', // the queue shows them
    'mediad_circuit_trips_total',
    'mediad_http_streams', // bounded by the config
  ])
})

test('the expressions on the page use metrics, labels and values of the code', () => {
  assert.ok(shown.length > 5)
  for (const expression of shown) assert.equal(findProblems(expression), [], expression)
})

test('released and abandoned attempts are not counted as failures', () => {
  const failing = docs
    .table('docs/monitoring.md', 'question')
    .rows.filter(([question = '']) => ['Share of attempts that fail', 'Codes behind it'].includes(question))
  assert.is(failing.length, 2)
  const [share, codes] = failing.map(([, cell = '']) =>
    Array.from(cell.matchAll(/(mediad_\w+)\{(?:result|verdict)=~"([^"]*)"\}/g), ([, name, values = '']) => [
      name,
      values.split('\\|'),
    ]),
  )
  const ends = ['succeeded', 'failed', 'dead']
  assert.equal(share, [
    ['mediad_attempts_total', ends.slice(1)],
    ['mediad_attempts_total', ends],
  ])
  assert.equal(codes, [['mediad_verdicts_total', ['retry', 'reject']]])
})

test('alerts use the last sample of a queue that does not respond once', () => {
  const expressions = rules.map(({ expr }) => expr).filter((expr) => expr.includes('mediad_queue_messages'))
  assert.ok(expressions.length > 2)
  for (const expr of expressions)
    assert.not.match(expr.replaceAll(/last_over_time\(mediad_queue_messages\{[^}]*\}\[/g, ''), 'mediad_queue_messages')
})

test('the page shows the file that a test runs, and the default port', () => {
  const code = docs.page('docs/monitoring.md').blocks.find(({ marks }) => marks.file === 'tracing.ts')
  assert.is(code?.text, read('examples/tracing/tracing.ts'))
  const scrape = load(docs.marked('docs/monitoring.md', 'scrape')) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[]
    rule_files: string[]
  }
  const { host, port } = schema.shape.metrics.parse({})
  assert.equal(scrape.scrape_configs[0]?.static_configs[0]?.targets, [`${host}:${port}`])
  assert.ok(scrape.rule_files.every((file) => read(file) !== ''))
  const { devDependencies, dependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  const packages = docs.marked('docs/monitoring.md', 'tracing').match(/@opentelemetry\/\S+/g) ?? []
  for (const named of packages) {
    const [, name = '', version] = /^(.+)@(.+)$/.exec(named) ?? []
    assert.is({ ...dependencies, ...devDependencies }[name], version, name)
  }
})
