/**
 * Evaluates the metric math of scaling and alarms for many states of a fleet, also with late metrics and metrics without data.
 * The expressions are those that Terraform resolves; CloudWatch is modelled by metric-math.ts.
 */
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'
import { evaluate, type FillRule, type Late, type Values } from './metric-math.ts'
import { resolveTopology, type Topology } from './topology.ts'

const missing = findTerraformSkipReason()
const test = suite('terraform scaling', { exhaustive: true })
const fillRules: readonly FillRule[] = ['FILL fills metrics without data', 'FILL keeps metrics without data missing']

/** Reported metrics, and the expected value of each expression. Expressions that are not listed are not checked. */
type Scenario = { values: Values; expected: Readonly<Record<string, number | null>> }

/** An active queue always reports its visible messages, but hidden and delayed ones only when there are any. */
const active = { work_visible: 0, running_visible: 0 }
const late = (before: number): Late => ({ before })

/** Scenarios for instances and tasks. A value of null triggers nothing. */
const fleet: Readonly<Record<string, Scenario>> = {
  'does nothing without workers and jobs': { values: { desired: 0 }, expected: { wake: null, idle: null } },
  'does nothing without workers and jobs when the number of workers has no data': {
    values: {},
    expected: { wake: null, idle: null, track: null },
  },
  'starts a worker for an upload': { values: { work_visible: 1, desired: 0 }, expected: { wake: 1, idle: null } },
  'starts a worker for an upload when the number of workers has no data': {
    values: { work_visible: 1 },
    expected: { wake: 1 },
  },
  'starts a worker for a job of a dead daemon': {
    values: { running_visible: 1, desired: 0 },
    expected: { wake: 1, idle: null },
  },
  'starts a worker for a job that is to be retried': {
    values: { ...active, running_visible: 1 },
    expected: { wake: 1, idle: null },
  },
  'starts only one worker': { values: { work_visible: 1, desired: 1, running: 0 }, expected: { wake: 0, track: 1 } },
  'starts only one worker when the number of workers is late': {
    values: { work_visible: 1, desired: late(1), running: 0 },
    expected: { wake: 0, track: 1, idle: null },
  },
  'does not divide by zero while the first worker starts': {
    values: { work_visible: 9, desired: 1, running: 0 },
    expected: { track: 9, wake: 0, idle: null },
  },
  'does not scale in during the first job when metrics of the in-progress queue are late': {
    values: { work_visible: 0, desired: 1, running: 1 },
    expected: { idle: null, wake: 0, track: 0 },
  },
  'counts running jobs, and does not scale in': {
    values: { ...active, running_hidden: 4, desired: 2, running: 2 },
    expected: { track: 2, wake: 0, idle: 0 },
  },
  'counts postponed and delayed jobs': {
    values: { ...active, work_hidden: 1, work_delayed: 2, running_delayed: 3, desired: 1, running: 1 },
    expected: { track: 6, idle: 0 },
  },
  'does not treat late job metrics as 0': {
    values: { work_visible: late(9), running_visible: 0, desired: 2, running: 2 },
    expected: { track: null, idle: null, wake: 0 },
  },
  'does nothing when all metrics are late': {
    values: {
      work_visible: late(9),
      running_visible: late(1),
      running_hidden: late(2),
      desired: late(2),
      running: late(2),
    },
    expected: { track: null, idle: null, wake: null },
  },
  'does not treat a late number of workers as 0': {
    values: { ...active, work_visible: 4, desired: late(2), running: late(2) },
    expected: { track: null, idle: null, wake: 0 },
  },
  'scales in when all jobs are finished': {
    values: { ...active, desired: 3, running: 3 },
    expected: { track: 0, wake: 0, idle: 1 },
  },
  'does not scale in below the floor': { values: { ...active, desired: 0 }, expected: { wake: 0, idle: 0 } },
}

/** Scenarios of the alarm for silent daemons. A queue that is not polled reports no received messages and no empty receives. */
const daemons: Readonly<Record<string, Scenario>> = {
  'no alarm without jobs and daemons': { values: {}, expected: { silent: null } },
  'no alarm for an idle daemon': {
    values: { waiting: 0, due: 0, work_empty: 12, sweep_empty: 9 },
    expected: { silent: 0 },
  },
  'alarm when jobs wait and no daemon is running': { values: { waiting: 3 }, expected: { silent: 3 } },
  'alarm when jobs wait and no daemon is running, reported as 0': {
    values: { waiting: 3, work_empty: 0, work_received: 0 },
    expected: { silent: 3 },
  },
  'no alarm when a daemon receives the jobs': {
    values: { waiting: 3, work_received: 1, sweep_received: 1 },
    expected: { silent: 0 },
  },
  'no alarm when a busy daemon only sweeps': {
    values: { waiting: 3, hidden: 2, due: 0, sweep_empty: 9 },
    expected: { silent: 0 },
  },
  'alarm when all daemons died during their jobs': {
    values: { waiting: 0, due: 0, hidden: 2 },
    expected: { silent: 2 },
  },
  'alarm when an in-progress message is due and nothing sweeps': { values: { due: 1 }, expected: { silent: 1 } },
  'no value while job metrics are late': {
    values: { waiting: late(3), due: late(0), hidden: late(1), work_empty: late(0), sweep_empty: late(0) },
    expected: { silent: null },
  },
  'no alarm when one queue is late': {
    values: { waiting: late(3), work_empty: late(4), due: 0, sweep_empty: 9 },
    expected: { silent: 0 },
  },
}

if (missing !== null) test.skip('expressions', missing)
else {
  const fleets: Record<string, Record<string, string>> = {}
  let silent = ''
  test.before(async () => {
    await using terraform = await openTerraform()
    fleets.instances = await resolveInstances(terraform)
    fleets.tasks = await resolveTasks(terraform)
    const root = await resolveTopology(terraform, { variables: { bucket_name: 'videos' } })
    silent = alarm(root, 'aws_cloudwatch_metric_alarm.silent[0]')
  })

  for (const workers of ['instances', 'tasks'])
    for (const [name, scenario] of Object.entries(fleet))
      test(`${workers}: ${name}`, () => checkScenario(scenario, fleets[workers] ?? {}))
  for (const [name, scenario] of Object.entries(daemons)) test(name, () => checkScenario(scenario, { silent }))
}

function checkScenario({ values, expected }: Scenario, expressions: Readonly<Record<string, string>>): void {
  for (const fillRule of fillRules)
    for (const [name, value] of Object.entries(expected))
      assert.is(evaluate(expressions[name] ?? '', { values, fillRule }), value, `${name}, when ${fillRule}`)
}

const common = {
  env: { MEDIAD_BUCKET: 'videos' },
  queues: { work: { name: 'work' }, in_progress: { name: 'in-progress' } },
  daemon_policy_arn: 'arn:aws:iam::123456789012:policy/daemon',
  vpc_id: 'vpc-1',
  subnet_ids: ['subnet-1'],
}

async function resolveInstances(terraform: Terraform): Promise<Record<string, string>> {
  const variables = { ...common, package: 'mediad@0.1.0', config: 'defineConfig({ shutdown: { metadataUrl } })' }
  const group = await resolveTopology(terraform, { module: './modules/fleet', variables })
  const [tracking] = group.resource('aws_autoscaling_policy.track').target_tracking_configuration as Tracking[]
  return { track: toExpression(tracking?.customized_metric_specification[0]?.metrics), ...triggers(group) }
}

async function resolveTasks(terraform: Terraform): Promise<Record<string, string>> {
  const variables = { ...common, image: 'registry.example.com/mediad:0.1.0' }
  const service = await resolveTopology(terraform, { module: './modules/ecs', variables })
  const { target_tracking_scaling_policy_configuration: tracking } = service.resource('aws_appautoscaling_policy.track')
  const [{ customized_metric_specification: [specification] = [] } = {}] = tracking as Partial<Tracking>[]
  return { track: toExpression(specification?.metrics), ...triggers(service) }
}

function triggers(topology: Topology): Record<string, string> {
  const names = ['wake', 'idle']
  return Object.fromEntries(
    names.map((name) => [name, alarm(topology, `aws_cloudwatch_metric_alarm.trigger["${name}"]`)]),
  )
}

test('evaluates metric math', () => {
  const fillRule: FillRule = 'FILL keeps metrics without data missing'
  const at = (expression: string, values: Values = {}) => evaluate(expression, { values, fillRule })
  assert.is(at('1 + 2 * 3 / 2'), 4)
  assert.is(at('(1 + 2) * 3'), 9)
  assert.is(at('IF(a > 1 AND b == 2, 5, 6)', { a: 2, b: 2 }), 5)
  assert.is(at('IF(a > 1, 5, 6)', { a: 1 }), 6)
  assert.is(at('IF(a > 1, 5, 6)'), null)
  assert.is(at('a + 1'), null)
  assert.is(at('SUM([a, FILL(b, 0), 3])'), 3)
  assert.is(at('SUM([a, FILL(b, 0)])'), null)
  assert.is(at('FILL(a, REPEAT)', { a: 7 }), 7)
  assert.equal(
    [at('a', { a: late(7) }), at('FILL(a, 0)', { a: late(7) }), at('FILL(a, REPEAT)', { a: late(7) })],
    [null, 0, 7],
  )
  assert.is(evaluate('FILL(a, 0)', { values: {}, fillRule: 'FILL fills metrics without data' }), 0)
  for (const wrong of ['1 +', 'a b', 'MAX(a)', 'SUM(a)', 'IF(a, 1, 2']) assert.throws(() => at(wrong))
})

type Query = { expression: string | null; return_data: boolean }
type Tracking = { customized_metric_specification: { metrics: Query[] }[] }

function alarm(topology: Topology, address: string): string {
  return toExpression(topology.resource(address).metric_query as Query[])
}

function toExpression(queries: readonly Query[] = []): string {
  const [query, ...more] = queries.filter(({ return_data }) => return_data)
  assert.ok(query?.expression && more.length === 0)
  return query.expression
}
