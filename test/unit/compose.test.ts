/** Checks examples/compose and the Dockerfiles without Docker: what their files name must exist and fit together. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { validate } from 'dockerfile-utils'
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../daemon/config/load.ts'
import type { Config } from '../../daemon/config/config.ts'
import { suite } from '../helpers/suite.ts'

type Service = {
  image?: string
  build?: { context: string; dockerfile: string }
  entrypoint?: string[]
  command?: string | string[]
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
  healthcheck?: { test: string[]; interval: string; timeout: string; start_period: string }
  stop_grace_period?: string
  cap_drop?: string[]
  security_opt?: string[]
}
type Compose = { services: Record<string, Service>; volumes: Record<string, null> }

const root = join(import.meta.dirname, '../..')
const example = join(root, 'examples/compose')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const text = read('examples/compose/compose.yaml')
const variables = parseEnv(read('examples/compose/.env.example'))
const compose = load(interpolate(text), { schema: CORE_SCHEMA.withTags(mergeTag) }) as Compose
const elasticmq = read('examples/compose/elasticmq.conf')
const queues = [...elasticmq.matchAll(/^ {2}(mediad-\S+) \{/gm)].map(([, name]) => name)

const test = suite('docker compose')

test('every variable without a default is in .env.example, and every one there is used', () => {
  const used = [...text.matchAll(/(?<!\$)\$\{(\w+)(:[-?])?/g)]
  const required = new Set(used.filter(([, , operator]) => operator !== ':-').map(([, name]) => name))
  assert.equal([...required].toSorted(), Object.keys(variables).toSorted())
  assert.ok(
    used.every(([, , operator]) => operator !== undefined),
    'each has a default or a message',
  )
  const commented = [...read('examples/compose/.env.example').matchAll(/^# (\w+_IMAGE)=/gm)].map(([, name]) => name)
  assert.equal(
    commented.toSorted(),
    [...new Set(used.map(([, name]) => name))].filter((name) => !required.has(name)).toSorted(),
  )
})

test('services wait for services that exist, in a condition that these can reach', () => {
  for (const [name, { depends_on: needs = {}, healthcheck }] of Object.entries(compose.services)) {
    for (const [other, { condition }] of Object.entries(needs)) {
      const needed = compose.services[other]
      assert.ok(needed, `${name} waits for ${other}`)
      const expected = needed.healthcheck ? 'service_healthy' : 'service_completed_successfully'
      assert.is(condition, expected, `${name} waits for ${other}`)
    }
    // only the service that ends has no health check
    assert.is(healthcheck === undefined, name === 'bucket', name)
    if (healthcheck) assert.is(healthcheck.test[0], 'CMD', name)
  }
  assert.equal(order(), ['elasticmq', 'bridge', 'minio', 'bucket', 'mediad'])
})

test('volumes exist, and ports are published on the loopback address only', () => {
  const services = Object.values(compose.services)
  const mounted = services.flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0] ?? ''))
  const [files, named] = [
    mounted.filter((path) => path.startsWith('.')),
    mounted.filter((path) => !path.startsWith('.')),
  ]
  assert.equal(named.toSorted(), Object.keys(compose.volumes).toSorted())
  for (const file of files) assert.ok(existsSync(join(example, file)), file)
  const ports = services.flatMap(({ ports = [] }) => ports)
  assert.equal(ports, ['127.0.0.1:9000:9000', '127.0.0.1:3000:3000'])
})

test('the config loads with the environment of the service, and every variable of it is one that mediad reads', async () => {
  const { environment = {}, stop_grace_period: stop, ...service } = compose.services.mediad ?? {}
  const config = await loadApplication()
  assert.equal([config.bucket, config.http.host, config.http.port], ['media', '0.0.0.0', 3000])
  assert.is(Number.parseInt(stop ?? '', 10), config.shutdown.graceSeconds + 30)
  const documented = read('docs/configuration.md')
  for (const name of Object.keys(environment))
    assert.ok(documented.includes(`\`${name}\``), `${name} is not documented`)
  const variablesRead = [...read('examples/compose/application/media.config.ts').matchAll(/env\('(\w+)'\)/g)]
  const names = Object.keys(environment).filter((name) => /^MEDIAD_(?!HTTP_)/.test(name))
  assert.equal(variablesRead.map(([, name]) => name).toSorted(), names.toSorted())
  assert.equal([service.cap_drop, service.security_opt], [['ALL'], ['no-new-privileges:true']])
  const { pathname, host } = readCheck('mediad')
  assert.equal([host, pathname], [`127.0.0.1:${config.http.port}`, '/ready'])
})

test('ElasticMQ has the three queues of the config, without a redrive policy, and keeps messages on its volume', async () => {
  const { queues: urls } = await loadApplication()
  const parsed = [urls.work.url, urls.inProgress.url, urls.dead.url].map((url) => new URL(url))
  assert.equal(
    parsed.map(({ pathname }) => pathname),
    queues.map((name) => `/000000000000/${name}`),
  )
  const [address, server] = [block(elasticmq, 'node-address'), block(elasticmq, 'rest-sqs')]
  for (const { host } of parsed) assert.is(host, `${address.host}:${address.port}`)
  assert.ok(compose.services[String(address.host)])
  assert.is(address.port, server['bind-port'])
  assert.not.match(elasticmq.replaceAll(/^#.*$/gm, ''), 'deadLettersQueue')
  const { volumes = [] } = compose.services.elasticmq ?? {}
  const storage = block(elasticmq, 'messages-storage')
  assert.is(storage.enabled, 'true')
  assert.ok(volumes.some((volume) => storage.uri?.startsWith(`jdbc:h2:${volume.split(':')[1]}/`)))
  assert.is(readCheck('elasticmq').host, `127.0.0.1:${server['bind-port']}`)
  for (const name of ['mediad', 'bridge'])
    assert.is(compose.services[name]?.environment?.AWS_ENDPOINT_URL_SQS, parsed[0]?.origin)
})

test('MinIO sends what is uploaded under the source prefix to the bridge, with its token', async () => {
  const config = await loadApplication()
  const [minio = {}, bridge = {}] = [compose.services.minio?.environment, compose.services.bridge?.environment]
  const script = String(compose.services.bucket?.command)
  const [, prefix, bucket, id = ''] = /--prefix (\S+) store\/(\S+) arn:minio:sqs::(\w+):webhook$/m.exec(script) ?? []
  assert.equal([prefix, bucket], [config.source.prefix, config.bucket])
  assert.match(script, `mc mb --ignore-existing store/${bucket}\n`)
  assert.is(minio[`MINIO_NOTIFY_WEBHOOK_ENABLE_${id}`], 'on')
  assert.is(minio[`MINIO_NOTIFY_WEBHOOK_ENDPOINT_${id}`], `http://bridge:${bridge.BRIDGE_PORT}/`)
  assert.is(minio[`MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_${id}`], bridge.BRIDGE_TOKEN)
  const { volumes = [] } = compose.services.minio ?? {}
  assert.ok(volumes.includes(`events:${minio[`MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_${id}`]}`))
  assert.match(script, 'http://minio:9000')
  assert.is(compose.services.mediad?.environment?.AWS_ENDPOINT_URL_S3, 'http://minio:9000')
  assert.is(bridge.MEDIAD_WORK_QUEUE_URL, config.queues.work.url)
  assert.equal(readCheck('bridge').href, `http://127.0.0.1:${bridge.BRIDGE_PORT}/health`)
  const source = read('examples/compose/application/bridge.ts')
  const known = new Set([...source.matchAll(/\b(?:MEDIAD|BRIDGE)_\w+/g)].map(([name]) => name))
  assert.equal(
    [...known].toSorted(),
    Object.keys(bridge)
      .filter((name) => !name.startsWith('AWS_'))
      .toSorted(),
  )
})

test('the image is built from the application folder by a Dockerfile that exists; the bridge is in the folder', () => {
  const { mediad, bridge } = compose.services
  assert.equal([mediad?.build, mediad?.image], [bridge?.build, bridge?.image])
  const { context = '', dockerfile = '' } = mediad?.build ?? {}
  assert.ok(existsSync(join(example, context, 'media.config.ts')))
  assert.is(join(example, context, dockerfile), join(root, 'examples/docker/application.Dockerfile'))
  assert.is(bridge?.entrypoint?.[0], 'node')
  assert.ok(existsSync(join(example, context, bridge?.entrypoint?.[1] ?? '')))
})

test('the Dockerfile of an application is valid, installs from its lockfile, and ends like that of the repository', () => {
  const [application, repository] = [read('examples/docker/application.Dockerfile'), read('examples/docker/Dockerfile')]
  assert.equal(validate(application), [])
  assert.match(application, /^COPY package\.json package-lock\.json \*\.tgz \.\/\n(?:#.*\n)*RUN npm ci --omit=dev /m)
  assert.not.match(application, 'npm install --omit')
  assert.is(readEnd(application), readEnd(repository))
  assert.is(readSystem(application), readSystem(repository))
  assert.match(readSystem(application), /ffmpeg/)
  const ignored = read('examples/docker/application.Dockerfile.dockerignore').split('\n')
  for (const path of ['node_modules', '.env*', '.git']) assert.ok(ignored.includes(path), path)
})

/** Returns the part of a Dockerfile that follows the files of the application. */
function readEnd(dockerfile: string): string {
  return dockerfile.slice(dockerfile.indexOf('# Folder for workspaces'))
}

/** Returns the part of a Dockerfile that makes the system of the image. */
function readSystem(dockerfile: string): string {
  return /^FROM \S+\n#[\s\S]*?^WORKDIR.*$/m.exec(dockerfile)?.[0] ?? ''
}

/** Replaces variables as docker compose does, by their value in .env.example or their default; `$$` is a dollar sign. */
function interpolate(yaml: string): string {
  const [dollars, defaults] = [/\$\$/g, /\$\{\w+:-([^}]*)\}/g]
  return yaml
    .replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => variables[name] ?? '')
    .replaceAll(defaults, '$1')
    .replaceAll(dollars, '$')
}

/** Loads the config of the application with the environment of its service, and no other variables of mediad. */
async function loadApplication(): Promise<Config> {
  const before = process.env
  const kept = Object.entries(before).filter(([name]) => !/^(?:MEDIAD|AWS)_/.test(name))
  process.env = { ...Object.fromEntries(kept), ...compose.services.mediad?.environment }
  try {
    return (await loadConfig({ file: join(example, 'application/media.config.ts') })).config
  } finally {
    process.env = before
  }
}

/** Returns the services in the order in which they start. */
function order(): string[] {
  const started: string[] = []
  const visit = (name: string, from: readonly string[] = []): void => {
    assert.not.ok(from.includes(name), `${[...from, name].join(' → ')} is a cycle`)
    for (const other of Object.keys(compose.services[name]?.depends_on ?? {})) visit(other, [...from, name])
    if (!started.includes(name)) started.push(name)
  }
  for (const name of Object.keys(compose.services)) visit(name)
  return started
}

/** Returns the URL in the health check of a service. */
function readCheck(name: string): URL {
  const words = compose.services[name]?.healthcheck?.test ?? []
  return new URL(/http:[^']+/.exec(words.join(' '))?.[0] ?? '')
}

/** Returns the settings of a block of HOCON that has only simple values. */
function block(hocon: string, name: string): Record<string, string | undefined> {
  const [, body = ''] = new RegExp(`^${name} \\{([^}]*)\\}`, 'm').exec(hocon) ?? []
  return Object.fromEntries([...body.matchAll(/^ +([\w-]+) = "?(.*?)"?$/gm)].map(([, key, value]) => [key, value]))
}
