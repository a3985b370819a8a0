/**
 * What the expressions that scale and alarm say of a fleet, whatever CloudWatch makes of metrics that nobody reports. They are
 * those that Terraform resolves; CloudWatch itself is a model of this test.
 */
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { openTerraform, whyNoTerraform } from '../helpers/terraform.ts'
import { evaluate, type Reading, type Values } from './metric-math.ts'
import { resolveTopology, type Topology } from './topology.ts'

const missing = whyNoTerraform()
const test = suite('terraform scaling', { timeoutSeconds: 60 })
const readings: readonly Reading[] = ['FILL fills what was never reported', 'FILL leaves out what was never reported']

type Said = number | null
/** What is reported, and what each expression says then. Whoever is not named says whatever it likes. */
type Scene = { values: Values; says: Readonly<Record<string, Said>> }

/** A queue that is awake reports what is visible, also when it is 0; what is hidden or delayed only where there is some. */
const awake = { work_visible: 0, running_visible: 0 }

const fleet: Readonly<Record<string, Scene>> = {
  'asleep: nothing happens, and nothing is done': { values: { wanted: 0 }, says: { wake: null, idle: 0 } },
  'asleep, and nobody reports the group either': { values: {}, says: { wake: null, idle: null } },
  'an upload wakes it': { values: { work_visible: 1, wanted: 0 }, says: { wake: 1, idle: 0 } },
  'an upload wakes it, although nobody reports the group': { values: { work_visible: 1 }, says: { wake: 1 } },
  'it wakes once': { values: { work_visible: 1, wanted: 1, running: 0 }, says: { wake: 0, track: 1 } },
  'while the first instance boots, jobs are not divided by zero': {
    values: { work_visible: 9, wanted: 1, running: 0 },
    says: { track: 9, wake: 0, idle: 0 },
  },
  'running jobs count, and keep it from resting': {
    values: { ...awake, running_hidden: 4, wanted: 2, running: 2 },
    says: { track: 2, wake: 0, idle: 0 },
  },
  'postponed and delayed jobs count': {
    values: { ...awake, work_hidden: 1, work_delayed: 2, running_delayed: 3, wanted: 1, running: 1 },
    says: { track: 6, idle: 0 },
  },
  'it rests when all is done': { values: { ...awake, wanted: 3, running: 3 }, says: { track: 0, wake: 0, idle: 1 } },
  'at rest it goes no lower': { values: { ...awake, wanted: 0 }, says: { wake: 0, idle: 0 } },
}

const daemons: Readonly<Record<string, Scene>> = {
  'nothing to do, and nobody there': { values: {}, says: { silent: 0 } },
  'an idle daemon': { values: { waiting: 0, due: 0, asked: 12, swept: 9 }, says: { silent: 0 } },
  'jobs wait, and nobody is there': { values: { waiting: 3, asked: 0, taken: 0 }, says: { silent: 3 } },
  'a daemon that takes them': { values: { waiting: 3, taken: 1, looked: 1 }, says: { silent: 0 } },
  'a daemon too busy to take more still sweeps': {
    values: { waiting: 3, asked: 0, taken: 0, hidden: 2, swept: 9, looked: 0 },
    says: { silent: 0 },
  },
  'all daemons died while they worked': { values: { waiting: 0, hidden: 2, swept: 0, looked: 0 }, says: { silent: 2 } },
}

if (missing !== null) test.skip('expressions', missing)
else {
  const expressions: Record<string, string> = {}
  test.before(async () => {
    await using terraform = await openTerraform()
    const variables = {
      env: { MEDIAD_BUCKET: 'films' },
      queues: { work: { name: 'work' }, in_progress: { name: 'in-progress' } },
      daemon_policy_arn: 'arn:aws:iam::123456789012:policy/daemon',
      package: 'mediad@0.1.0',
      config: 'defineConfig',
      vpc_id: 'vpc-1',
      subnet_ids: ['subnet-1'],
    }
    const group = await resolveTopology(terraform, { module: './modules/fleet', variables })
    const root = await resolveTopology(terraform, { variables: { bucket_name: 'films' } })
    const [tracking] = group.resource('aws_autoscaling_policy.track').target_tracking_configuration as Tracking[]
    expressions.track = toExpression(tracking?.customized_metric_specification[0]?.metrics)
    for (const name of ['wake', 'idle'])
      expressions[name] = alarm(group, `aws_cloudwatch_metric_alarm.trigger["${name}"]`)
    expressions.silent = alarm(root, 'aws_cloudwatch_metric_alarm.silent[0]')
  })

  for (const [name, { values, says }] of Object.entries({ ...fleet, ...daemons }))
    test(name, () => {
      for (const reading of readings)
        for (const [who, wanted] of Object.entries(says))
          assert.is(evaluate(expressions[who] ?? '', { values, reading }), wanted, `${who}, when ${reading}`)
    })
}

test('metric math is read as it is meant', () => {
  const reading: Reading = 'FILL leaves out what was never reported'
  const at = (expression: string, values: Values = {}) => evaluate(expression, { values, reading })
  assert.is(at('1 + 2 * 3 / 2'), 4)
  assert.is(at('IF(a > 1 AND b == 2, 5, 6)', { a: 2, b: 2 }), 5)
  assert.is(at('IF(a > 1, 5, 6)', { a: 1 }), 6)
  assert.is(at('IF(a > 1, 5, 6)'), null)
  assert.is(at('a + 1'), null)
  assert.is(at('SUM([a, FILL(b, 0), 3])'), 3)
  assert.is(at('FILL(a, REPEAT)', { a: 7 }), 7)
  assert.is(evaluate('FILL(a, 0)', { values: {}, reading: 'FILL fills what was never reported' }), 0)
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
