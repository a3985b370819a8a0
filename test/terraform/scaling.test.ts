/**
 * What the expressions that scale and alarm say of a fleet, also when metrics are late, and whatever CloudWatch makes of those
 * that nobody reports. They are those that Terraform resolves; CloudWatch itself is a model of this test.
 */
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'
import { evaluate, type Late, type Reading, type Values } from './metric-math.ts'
import { resolveTopology, type Topology } from './topology.ts'

const missing = findTerraformSkipReason()
const test = suite('terraform scaling')
const readings: readonly Reading[] = ['FILL fills what was never reported', 'FILL leaves out what was never reported']

type Said = number | null
/** What is reported, and what each expression says then. Whoever is not named says whatever it likes. */
type Scene = { values: Values; says: Readonly<Record<string, Said>> }

/** A queue that is active reports what is visible, also when it is 0; what is hidden or delayed only where there is some. */
const awake = { work_visible: 0, running_visible: 0 }
const late = (before: number): Late => ({ before })

/** Of instances and of tasks alike; `null` makes nobody do anything. */
const fleet: Readonly<Record<string, Scene>> = {
  'asleep: nothing happens, and nothing is done': { values: { wanted: 0 }, says: { wake: null, idle: null } },
  'asleep, and nobody reports the workers either': { values: {}, says: { wake: null, idle: null, track: null } },
  'an upload wakes it': { values: { work_visible: 1, wanted: 0 }, says: { wake: 1, idle: null } },
  'an upload wakes it, although nobody reports the workers': { values: { work_visible: 1 }, says: { wake: 1 } },
  'a job of a daemon that died wakes it': { values: { running_visible: 1, wanted: 0 }, says: { wake: 1, idle: null } },
  'a job to be tried again wakes it': { values: { ...awake, running_visible: 1 }, says: { wake: 1, idle: null } },
  'it wakes once': { values: { work_visible: 1, wanted: 1, running: 0 }, says: { wake: 0, track: 1 } },
  'it wakes once, although it is late to be seen': {
    values: { work_visible: 1, wanted: late(1), running: 0 },
    says: { wake: 0, track: 1, idle: null },
  },
  'while the first instance boots, jobs are not divided by zero': {
    values: { work_visible: 9, wanted: 1, running: 0 },
    says: { track: 9, wake: 0, idle: null },
  },
  'its first job runs, and the in-progress queue, just awake, is late: it does not rest': {
    values: { work_visible: 0, wanted: 1, running: 1 },
    says: { idle: null, wake: 0, track: 0 },
  },
  'running jobs count, and keep it from resting': {
    values: { ...awake, running_hidden: 4, wanted: 2, running: 2 },
    says: { track: 2, wake: 0, idle: 0 },
  },
  'postponed and delayed jobs count': {
    values: { ...awake, work_hidden: 1, work_delayed: 2, running_delayed: 3, wanted: 1, running: 1 },
    says: { track: 6, idle: 0 },
  },
  'jobs that are late to be seen are not none': {
    values: { work_visible: late(9), running_visible: 0, wanted: 2, running: 2 },
    says: { track: null, idle: null, wake: 0 },
  },
  'everything is late': {
    values: {
      work_visible: late(9),
      running_visible: late(1),
      running_hidden: late(2),
      wanted: late(2),
      running: late(2),
    },
    says: { track: null, idle: null, wake: null },
  },
  'workers that are late to be seen are not none': {
    values: { ...awake, work_visible: 4, wanted: late(2), running: late(2) },
    says: { track: null, idle: null, wake: 0 },
  },
  'it rests when all is done': { values: { ...awake, wanted: 3, running: 3 }, says: { track: 0, wake: 0, idle: 1 } },
  'at rest it goes no lower': { values: { ...awake, wanted: 0 }, says: { wake: 0, idle: 0 } },
}

/** Who is not asked reports neither answers nor empty ones. */
const daemons: Readonly<Record<string, Scene>> = {
  'nothing to do, and nobody there': { values: {}, says: { silent: null } },
  'an idle daemon': { values: { waiting: 0, due: 0, asked: 12, swept: 9 }, says: { silent: 0 } },
  'jobs wait, and nobody is there': { values: { waiting: 3 }, says: { silent: 3 } },
  'jobs wait, and nobody is there, which is reported': {
    values: { waiting: 3, asked: 0, taken: 0 },
    says: { silent: 3 },
  },
  'a daemon that takes them': { values: { waiting: 3, taken: 1, looked: 1 }, says: { silent: 0 } },
  'a daemon too busy to take more still sweeps': {
    values: { waiting: 3, hidden: 2, due: 0, swept: 9 },
    says: { silent: 0 },
  },
  'all daemons died while they worked': { values: { waiting: 0, due: 0, hidden: 2 }, says: { silent: 2 } },
  'a record is due, and nobody sweeps': { values: { due: 1 }, says: { silent: 1 } },
  'jobs that are late to be seen are not none': {
    values: { waiting: late(3), due: late(0), hidden: late(1), asked: late(0), swept: late(0) },
    says: { silent: null },
  },
  'one queue is late': { values: { waiting: late(3), asked: late(4), due: 0, swept: 9 }, says: { silent: 0 } },
}

if (missing !== null) test.skip('expressions', missing)
else {
  const fleets: Record<string, Record<string, string>> = {}
  let silent = ''
  test.before(async () => {
    await using terraform = await openTerraform()
    fleets.instances = await resolveInstances(terraform)
    fleets.tasks = await resolveTasks(terraform)
    const root = await resolveTopology(terraform, { variables: { bucket_name: 'films' } })
    silent = alarm(root, 'aws_cloudwatch_metric_alarm.silent[0]')
  })

  for (const workers of ['instances', 'tasks'])
    for (const [name, scene] of Object.entries(fleet))
      test(`${workers}: ${name}`, () => look(scene, fleets[workers] ?? {}))
  for (const [name, scene] of Object.entries(daemons)) test(name, () => look(scene, { silent }))
}

function look({ values, says }: Scene, expressions: Readonly<Record<string, string>>): void {
  for (const reading of readings)
    for (const [who, wanted] of Object.entries(says))
      assert.is(evaluate(expressions[who] ?? '', { values, reading }), wanted, `${who}, when ${reading}`)
}

const common = {
  env: { MEDIAD_BUCKET: 'films' },
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

test('metric math is read as it is meant', () => {
  const reading: Reading = 'FILL leaves out what was never reported'
  const at = (expression: string, values: Values = {}) => evaluate(expression, { values, reading })
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
