/** Tests that the boot script of the fleet's instances installs an application from a registry, with the real npm and curl. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { startMetadata } from '../helpers/metadata.ts'
import { once } from '../helpers/once.ts'
import { suite } from '../helpers/suite.ts'
import { findProgram, findTerraformSkipReason } from '../helpers/terraform.ts'
import { renderBootScript } from './boot-script.ts'
import { startMachine } from './instance.ts'
import { startRegistry } from './registry.ts'

const execute = promisify(execFile)
const test = suite('terraform application from a registry', { exhaustive: true })

const reasons = [
  findTerraformSkipReason(),
  ...['bash', 'xz', 'curl', 'npm'].map((name) => (findProgram(name) ? null : `${name} is not in PATH`)),
]
const skipReason = reasons.find((reason) => reason !== null)
const check = (name: string, body: () => Promise<void>) => (skipReason ? test.skip(name, skipReason) : test(name, body))

const TOKEN = 'token-of-the-registry'
const CREDENTIALS = { AccessKeyId: 'key-of-the-role', SecretAccessKey: 'secret-of-the-role', Token: 'session-token' }
const files = {
  'package.json':
    '{ "name": "@acme/media", "version": "1.2.0", "type": "module", "dependencies": { "mediad": "0.1.0" } }',
  'npm-shrinkwrap.json': '{ "lockfileVersion": 3 }',
  'media.config.ts': 'export default defineConfig({})',
  'plugins/own.ts': 'export const own = 1',
}

check('installs the package with its lockfile, and leaves no token on the disk', async () => {
  await using boot = await startBoot(files)
  await boot.machine.run(boot.script)
  const { path } = boot.machine
  assert.equal(boot.machine.readCalls().slice(2), [
    'npm pack --silent @acme/media@1.2.0',
    `npm ci --prefix ${path}/opt/mediad --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund`,
    'systemctl daemon-reload',
    'systemctl enable --now mediad.service',
  ])
  for (const [file, text] of Object.entries(files))
    assert.is(await readFile(join(path, 'opt/mediad', file), 'utf8'), text)
  const [request] = boot.registry.requests
  assert.match(request?.headers.authorization ?? '', /Credential=key-of-the-role\/\d+\/eu-central-1\/ssm\/aws4_request/)
  assert.is(request?.headers['x-amz-target'], 'AmazonSSM.GetParameter')
  const found = await execute('grep', ['-rl', TOKEN, path]).catch((error: { stdout: string }) => error)
  assert.is(found.stdout, '')
})

check('names the missing lockfile of a package, and powers the instance off', async () => {
  const { 'npm-shrinkwrap.json': _, ...rest } = files
  await using boot = await startBoot(rest)
  const error = await boot.machine.run(boot.script).then(
    () => '',
    (failure: { stderr: string }) => failure.stderr,
  )
  assert.match(error, /the application has no npm-shrinkwrap\.json at its top/)
  assert.is(boot.machine.readCalls().at(-1), 'shutdown -h +5')
  assert.not.ok(existsSync(join(boot.machine.path, 'etc/systemd/system/mediad.service')))
})

/** Prepares an instance, a registry that has the package, and Parameter Store with the registry's token. */
async function startBoot(content: Readonly<Record<string, string>>) {
  const resources = new AsyncDisposableStack()
  const metadata = resources.use(await startMetadata())
  const machine = resources.use(await startMachine())
  const tarball = await pack(join(machine.path, 'bundle'), content)
  const registry = resources.use(await startRegistry({ name: '@acme/media', version: '1.2.0', tarball, token: TOKEN }))
  metadata.put('iam/security-credentials/', 'mediad-instance')
  metadata.put('iam/security-credentials/mediad-instance', JSON.stringify(CREDENTIALS, null, 2))
  await machine.replace(
    'curl',
    `redirect='s#^https://ssm.eu-central-1.amazonaws.com#http://${registry.host}#; s#^http://169.254.169.254#${metadata.url}#; s#^=https$#=http#'
mapfile -t arguments < <(printf '%s\\n' "$@" | sed "$redirect")
if [[ "$*" != *nodejs.org* ]]; then exec ${findProgram('curl')} "\${arguments[@]}"; fi
${machine.fetchNode}`,
  )
  await machine.replace(
    'npm',
    `${machine.logCall('npm')}
if [[ "$1" = ci ]]; then exit; fi
sed -i 's#https://npm.example.com#http://${registry.host}#; s#^//npm.example.com#//${registry.host}#' "$HOME/.npmrc"
exec ${findProgram('npm')} "$@"`,
  )
  return {
    machine,
    registry,
    script: await renderScript(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

const renderScript = once(() =>
  renderBootScript({
    npm: { package: '@acme/media@1.2.0', registry: 'https://npm.example.com/team/', token_parameter: '/media/npm' },
  }),
)

/** Packs a folder as npm does, under `package/`. */
async function pack(folder: string, content: Readonly<Record<string, string>>): Promise<Buffer> {
  await mkdir(join(folder, 'package/plugins'), { recursive: true })
  for (const [file, text] of Object.entries(content)) await writeFile(join(folder, 'package', file), text)
  await execute('tar', ['-czf', `${folder}.tgz`, '-C', folder, 'package'])
  return readFile(`${folder}.tgz`)
}
