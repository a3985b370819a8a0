/** Tests that the boot script of the fleet's instances installs an application from S3. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { startCloud } from '../helpers/cloud.ts'
import { startMetadata } from '../helpers/metadata.ts'
import { once } from '../helpers/once.ts'
import { suite } from '../helpers/suite.ts'
import { findProgram, findTerraformSkipReason } from '../helpers/terraform.ts'
import { renderBootScript } from './boot-script.ts'
import { startMachine } from './instance.ts'

const execute = promisify(execFile)
const test = suite('terraform application', { exhaustive: true })

const reasons = [
  findTerraformSkipReason(),
  ...['bash', 'xz', 'curl'].map((name) => (findProgram(name) ? null : `${name} is not in PATH`)),
]
const skipReason = reasons.find((reason) => reason !== null)
const check = (name: string, body: () => Promise<void>) => (skipReason ? test.skip(name, skipReason) : test(name, body))

const KEY = 'releases/app-1.2.0.tgz'
const CHECKSUM = '0'.repeat(64)
const files = {
  'package.json': '{ "type": "module", "dependencies": { "mediad": "0.1.0" } }',
  'package-lock.json': '{ "lockfileVersion": 3 }',
  'media.config.ts': 'export default defineConfig({})',
  'plugins/own.ts': 'export const own = 1',
}

check('installs the folder with its lockfile, and lets the daemon read it', async () => {
  await using boot = await startBoot(files)
  await boot.run()
  assert.equal(boot.calls().slice(2), [
    `npm ci --prefix ${boot.path}/opt/mediad --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund`,
    'systemctl daemon-reload',
    'systemctl enable --now mediad.service',
  ])
  for (const [file, text] of Object.entries(files))
    assert.is(await readFile(join(boot.path, 'opt/mediad', file), 'utf8'), text)
  const { stdout } = await execute('find', [join(boot.path, 'opt/mediad'), '-not', '-perm', '-a=r'])
  assert.is(stdout, '')
})

check('passes no secret as an argument, and leaves no credentials on the disk', async () => {
  await using boot = await startBoot(files)
  await boot.run()
  const commands = readFileSync(join(boot.path, 'curl.log'), 'utf8')
  assert.match(commands, /--aws-sigv4/)
  assert.not.match(commands, new RegExp(`${boot.credentials.SecretAccessKey}:|${boot.credentials.Token}`))
  const { stdout } = await execute('find', [boot.path, '-name', 'credentials.json'])
  assert.is(stdout, '')
})

check('tries a refused download again, and then powers the instance off', async () => {
  await using boot = await startBoot(files, { secret: 'another-secret' })
  await fail(boot.run())
  assert.is(boot.calls().filter((call) => call === 'sleep 10').length, 30)
  assert.is(boot.calls().at(-1), 'shutdown -h +5')
})

check('installs nothing when the checksum is wrong, and powers the instance off', async () => {
  await using boot = await startBoot(files, { sha256: 'a'.repeat(64) })
  await fail(boot.run())
  assert.equal(boot.calls().slice(2), ['shutdown -h +5'])
  assert.not.ok(existsSync(join(boot.path, 'opt/mediad/package.json')))
})

check('names the missing file of a folder, and powers the instance off', async () => {
  const { 'package-lock.json': _, ...rest } = files
  await using boot = await startBoot(rest)
  const error = await fail(boot.run())
  assert.match(error, /the application has no package-lock\.json at its top/)
  assert.equal(boot.calls().slice(2), ['shutdown -h +5'])
})

async function fail(promise: Promise<void>): Promise<string> {
  const [result] = await Promise.allSettled([promise])
  assert.is(result.status, 'rejected')
  return result.status === 'rejected' ? String((result.reason as { stderr?: string }).stderr) : ''
}

type BootOptions = {
  /** Secret of the instance's role, when it is not the one that S3 accepts. */
  secret?: string
  /** Default: the checksum of the tarball. */
  sha256?: string
}

/** Prepares an instance whose application is in the embedded S3, which checks the signature that curl makes. */
async function startBoot(content: Readonly<Record<string, string>>, options: BootOptions = {}) {
  const resources = new AsyncDisposableStack()
  const cloud = resources.use(await startCloud())
  const metadata = resources.use(await startMetadata())
  const machine = resources.use(await startMachine())
  const tarball = await pack(join(machine.path, 'bundle'), content)
  await cloud.put(KEY, tarball)
  const { env } = cloud.local
  const credentials = {
    AccessKeyId: env.AWS_ACCESS_KEY_ID,
    SecretAccessKey: options.secret ?? env.AWS_SECRET_ACCESS_KEY,
    Token: 'session-token-of-the-role',
  }
  metadata.put('iam/security-credentials/', 'mediad-instance')
  metadata.put('iam/security-credentials/mediad-instance', JSON.stringify(credentials, null, 2))
  await machine.replace('curl', toCurl(machine, cloud.local.s3Endpoint, metadata.url))
  const sha256 = options.sha256 ?? createHash('sha256').update(tarball).digest('hex')
  const script = (await renderScript()).replace(CHECKSUM, sha256)
  return {
    path: machine.path,
    credentials,
    run: () => machine.run(script),
    calls: machine.readCalls,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Returns the script with the checksum `CHECKSUM`. */
const renderScript = once(() => renderBootScript({ s3: { bucket: 'media', key: KEY, sha256: CHECKSUM } }))

type Programs = { path: string; fetchNode: string }

/** Returns a script that redirects the requests to S3 and the metadata service to the local ones, with the real curl. */
function toCurl({ path, fetchNode }: Programs, s3: string, metadata: string): string {
  return `echo "$*" >> '${path}/curl.log'
redirect='s#^https://media.s3.eu-central-1.amazonaws.com#${s3}/media#; s#^http://169.254.169.254#${metadata}#; s#^=https$#=http#'
mapfile -t arguments < <(printf '%s\\n' "$@" | sed "$redirect")
if [[ "$*" != *nodejs.org* ]]; then exec ${findProgram('curl')} "\${arguments[@]}"; fi
${fetchNode}`
}

async function pack(folder: string, content: Readonly<Record<string, string>>): Promise<Buffer> {
  await mkdir(join(folder, 'plugins'), { recursive: true })
  for (const [file, text] of Object.entries(content)) await writeFile(join(folder, file), text, { mode: 0o600 })
  await execute('tar', ['-czf', `${folder}.tgz`, '-C', folder, '.'])
  return readFile(`${folder}.tgz`)
}
