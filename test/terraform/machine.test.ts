/** Tests the boot script of the fleet's instances, the systemd unit, the container image and the configs of the examples. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../daemon/config/load.ts'
import type { Config } from '../../daemon/config/config.ts'
import { makeConfig } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'
import { findProgram, openTerraform, findTerraformSkipReason } from '../helpers/terraform.ts'
import { startMachine, type Machine } from './instance.ts'
import { resolveTopology } from './topology.ts'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const { version, devDependencies } = JSON.parse(read('package.json'))
const unit = read('terraform/modules/fleet/files/mediad.service')

const test = suite('terraform machine', { exhaustive: true })

const fleet = {
  env: { MEDIAD_BUCKET: 'videos', MEDIAD_WORK_QUEUE_URL: 'https://sqs.us-east-1.amazonaws.com/1/work' },
  queues: { work: { name: 'work' }, in_progress: { name: 'in-progress' } },
  daemon_policy_arn: 'arn:aws:iam::123456789012:policy/daemon',
  package: `mediad@${version}`,
  config: read('terraform/examples/fleet/media.config.ts'),
  vpc_id: 'vpc-1',
  subnet_ids: ['subnet-1'],
}

const reasons = [
  findTerraformSkipReason(),
  ...['bash', 'xz'].map((name) => (findProgram(name) ? null : `${name} is not in PATH`)),
]
const skipReason = reasons.find((reason) => reason !== null)
if (skipReason) test.skip('the boot script', skipReason)
else
  test('the boot script installs a verified Node and mediad, and starts mediad with config and environment', async () => {
    await using terraform = await openTerraform()
    const { output } = await resolveTopology(terraform, { module: './modules/fleet', variables: fleet })
    await using machine = await startMachine()
    await machine.run(String(output('user_data')))
    assert.equal(machine.readCalls(), steps(machine.path))
    const readFromDisk = (file: string) => readFile(join(machine.path, file), 'utf8')
    assert.is(await readFromDisk('opt/mediad/media.config.ts'), fleet.config)
    assert.equal({ ...parseEnv(await readFromDisk('etc/mediad/env')) }, { ...fleet.env, AWS_REGION: 'eu-central-1' })
    assert.is(await readFromDisk('etc/systemd/system/mediad.service'), unit)
    const dropIn = '[Unit]\nSuccessAction=poweroff\n[Service]\nTimeoutStopSec=120\n'
    assert.is(await readFromDisk('etc/systemd/system/mediad.service.d/fleet.conf'), dropIn)
    assert.match(await readFromDisk('usr/local/bin/node'), /stand-in for Node/)
  })

const failures: Readonly<
  Record<string, { prepare: (machine: Machine) => Promise<void>; steps: (path: string) => string[] }>
> = {
  'retries apt-get, curl and npm when they fail once': {
    prepare: async (machine) => {
      for (const name of ['apt-get', 'curl', 'npm']) await machine.fail(name, 1)
    },
    steps: (path) => {
      const [update = '', install = '', npm = '', ...more] = steps(path)
      return [update, 'sleep 10', update, install, 'sleep 10', npm, 'sleep 10', npm, ...more]
    },
  },
  'powers the instance off when the registry is unavailable': {
    prepare: (machine) => machine.fail('npm', 1000),
    steps: (path) => {
      const [update = '', install = '', npm = ''] = steps(path)
      return [update, install, ...Array.from({ length: 30 }, () => [npm, 'sleep 10']).flat(), 'shutdown -h +5']
    },
  },
  'powers the instance off when the checksum of Node is wrong': {
    prepare: (machine) => machine.corruptNode(),
    steps: (path) => [...steps(path).slice(0, 2), 'shutdown -h +5'],
  },
}

for (const [name, failure] of Object.entries(failures)) {
  if (skipReason) test.skip(`the boot script ${name}`, skipReason)
  else
    test(`the boot script ${name}`, async () => {
      await using terraform = await openTerraform()
      const { output } = await resolveTopology(terraform, { module: './modules/fleet', variables: fleet })
      await using machine = await startMachine()
      await failure.prepare(machine)
      const [result] = await Promise.allSettled([machine.run(String(output('user_data')))])
      assert.equal(machine.readCalls(), failure.steps(machine.path))
      assert.is(result.status, machine.readCalls().includes('shutdown -h +5') ? 'rejected' : 'fulfilled')
    })
}

const signatures: Readonly<Record<string, [fingerprint: string, isInstalled: boolean]>> = {
  'installs the CloudWatch agent with the signature of AWS': ['937616F3450B7D806CBD9725D58167303B789C72', true],
  'installs no CloudWatch agent with another signature': ['0000000000000000000000000000000000000000', false],
}

for (const [name, [fingerprint, isInstalled]] of Object.entries(signatures)) {
  if (skipReason) test.skip(`the boot script ${name}`, skipReason)
  else
    test(`the boot script ${name}`, async () => {
      await using terraform = await openTerraform()
      const variables = { ...fleet, log_retention_days: 30 }
      const { output } = await resolveTopology(terraform, { module: './modules/fleet', variables })
      await using machine = await startMachine()
      const control = '../opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl'
      await machine.replace('gpg', `echo '[GNUPG:] VALIDSIG ${fingerprint} 2026-01-01'`)
      await machine.replace('dpkg', machine.logCall('dpkg'))
      await machine.replace(control, machine.logCall('agent'))
      const [result] = await Promise.allSettled([machine.run(String(output('user_data')))])
      assert.is(result.status, isInstalled ? 'fulfilled' : 'rejected')
      const [update = '', install = '', ...more] = steps(machine.path)
      const agent = 'agent -a fetch-config -m ec2 -s -c file:/etc/mediad/logs.json'
      const rest = isInstalled ? ['dpkg --install amazon-cloudwatch-agent.deb', agent, ...more] : ['shutdown -h +5']
      assert.equal(machine.readCalls(), [update, install.replace(' ffmpeg', ' gpg logrotate ffmpeg'), ...rest])
      if (isInstalled) JSON.parse(await readFile(join(machine.path, 'etc/mediad/logs.json'), 'utf8'))
    })
}

/** Returns the calls of the script when nothing fails. */
function steps(path: string): string[] {
  return [
    'apt-get update -qq',
    'apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 ca-certificates curl util-linux xz-utils ffmpeg',
    `npm install --prefix ${path}/opt/mediad --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --save-exact mediad@${version}`,
    'systemctl daemon-reload',
    'systemctl enable --now mediad.service',
  ]
}

if (!findProgram('systemd-analyze')) test.skip('the unit passes systemd-analyze', 'systemd-analyze is not in PATH')
else
  test('the unit passes systemd-analyze with a low exposure level', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'mediad.service')
    await writeFile(file, unit.replace('/usr/local/bin/node', process.execPath))
    await mkdir(`${file}.d`)
    await writeFile(`${file}.d/fleet.conf`, '[Unit]\nSuccessAction=poweroff\n[Service]\nTimeoutStopSec=120\n')
    const { stdout, stderr } = await execute('systemd-analyze', ['verify', file])
    assert.equal([stdout, stderr], ['', ''])
    const { stdout: score } = await execute('systemd-analyze', ['security', '--offline=true', '--no-pager', file])
    assert.ok(Number(/exposure level for mediad.service: ([\d.]+)/.exec(score)?.[1]) < 2, score)
  })

test('the unit waits longer than the grace time, signals only the daemon, and restarts it only after a failure', () => {
  const settings = parseEnv(unit)
  assert.ok(Number(settings.TimeoutStopSec) >= makeConfig().shutdown.graceSeconds + 30)
  assert.equal([settings.KillMode, settings.Restart, settings.OOMPolicy], ['mixed', 'on-failure', 'continue'])
})

test('the Dockerfile is valid, uses a user other than root, and copies files that exist', () => {
  const text = read('examples/docker/Dockerfile')
  assert.equal(validate(text), [])
  assert.is([...text.matchAll(/^USER (.+)$/gm)].at(-1)?.[1], 'node')
  const images = [...text.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
  assert.equal(new Set(images), new Set([`node:${devDependencies.node}-trixie-slim`]))
  assert.match(text, /^ENTRYPOINT \[.*"node_modules\/mediad\/dist\/daemon\/main\.js"\]$/m)
  assert.is(`./${JSON.parse(read('package.json')).bin.mediad}`, './dist/daemon/main.js')
  for (const file of ['package.json', 'package-lock.json', 'media.config.ts'])
    assert.ok(text.includes(file) && read(file))
})

test('defaults of the variables match the config and the repository', () => {
  const { source, state, plugins } = makeConfig()
  const variables = read('terraform/variables.tf')
  assert.is(defaultOf(variables, 'source_prefix'), source.prefix)
  assert.is(defaultOf(variables, 'state_prefix'), state.prefix)
  assert.ok(plugins.length > 0)
  assert.is(defaultOf(read('terraform/modules/fleet/variables.tf'), 'node_version'), devDependencies.node)
})

const examples: Readonly<Record<string, (config: Config) => void>> = {
  basic: ({ shutdown }) => assert.is(shutdown.graceSeconds, 90),
  fleet: ({ shutdown, queues }) => {
    const text = read('terraform/examples/fleet/main.tf')
    assert.is(String(shutdown.graceSeconds), /grace_seconds += (\d+)/.exec(text)?.[1])
    assert.is(String(queues.work.concurrency), /jobs_per_instance += (\d+)/.exec(text)?.[1])
    assert.is(shutdown.metadataUrl, 'http://169.254.169.254')
  },
  'existing-bucket': (config) => {
    const text = read('terraform/examples/existing-bucket/main.tf')
    assert.is(config.source.prefix, /source_prefix += "(.+)"/.exec(text)?.[1])
    assert.equal(toPrefixes(config), JSON.parse(/output_prefixes += (\[.+\])/.exec(text)?.[1] ?? ''))
  },
  'on-premises': ({ bucket, shutdown }) => assert.equal([bucket, shutdown.metadataUrl], ['media', undefined]),
}

for (const [name, check] of Object.entries(examples))
  test(`example ${name}: its config loads, and matches its Terraform configuration`, async () => {
    check(await load(name))
  })

test('the default output prefixes match the config of the repository', async () => {
  const config = await load('fleet')
  const text = read('terraform/variables.tf')
  assert.equal(toPrefixes(config), JSON.parse(/default += (\["cvted_.+\])/.exec(text)?.[1] ?? ''))
})

test('all variables of the on-premises example are documented', () => {
  const { rows } = readDocs(root).table('docs/configuration.md', 'variable')
  const documented = new Set(rows.flatMap(([names = '']) => toCodes(names)))
  const set = Object.keys(parseEnv(read('terraform/examples/on-premises/mediad.env')))
  assert.equal(
    set.filter((variable) => !documented.has(variable)),
    [],
  )
})

async function load(name: string): Promise<Config> {
  const before = process.env
  process.env = { ...before, ...parseEnv(read('terraform/examples/on-premises/mediad.env')) }
  try {
    return (await loadConfig({ file: join(root, 'terraform/examples', name, 'media.config.ts') })).config
  } finally {
    process.env = before
  }
}

/** Returns the prefixes of the output keys of a chain. */
function toPrefixes({ plugins }: Config): string[] {
  return plugins.flatMap(({ hooks }) => hooks.keys ?? []).map((key) => key.split('{')[0] ?? '')
}

function defaultOf(text: string, variable: string): string | undefined {
  return new RegExp(`^variable "${variable}" \\{\\n(?:.*\\n)*?  default += "(.*)"`, 'm').exec(text)?.[1]
}
