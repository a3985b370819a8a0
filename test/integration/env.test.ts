/** Tests `mediad env` with the real Terraform, if it is installed. Outputs need neither a provider nor network access. */
import { chmod, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason } from '../helpers/terraform.ts'

const missing = findTerraformSkipReason()
const test = suite('mediad env')
const check = (name: string, body: () => Promise<void>) =>
  missing === null ? test(name, body) : test.skip(name, missing)

const good = `
output "env" { value = { MEDIAD_BUCKET = "my-media", MEDIAD_WORK_QUEUE_URL = "https://sqs.example.com/1/work" } }
output "region" { value = "eu-central-1" }
`

check('writes outputs to a .env file, keeps its mode and other lines, and is idempotent', async () => {
  await using setup = await prepare(good)
  const file = join(setup.folder, '.env')
  await writeFile(file, '# mine\nMEDIAD_BUCKET=old\nLEVEL=1\n', { mode: 0o640 })
  const first = await setup.run(['--terraform', 'infra'])
  assert.equal([first.code, first.names], [0, ['AWS_REGION', 'MEDIAD_BUCKET', 'MEDIAD_WORK_QUEUE_URL']])
  const expected =
    '# mine\nMEDIAD_BUCKET=my-media\nLEVEL=1\nAWS_REGION=eu-central-1\nMEDIAD_WORK_QUEUE_URL=https://sqs.example.com/1/work\n'
  assert.is(await readFile(file, 'utf8'), expected)
  assert.is((await stat(file)).mode & 0o777, 0o640)
  assert.is((await setup.run(['--terraform', 'infra'])).code, 0)
  assert.is(await readFile(file, 'utf8'), expected)

  await mkdir(join(setup.folder, 'target'))
  await symlink('target/real', join(setup.folder, 'link'))
  await writeFile(join(setup.folder, 'target/real'), '')
  assert.is((await setup.run(['--terraform', 'infra', '--file', 'link'])).code, 0)
  assert.match(await readFile(join(setup.folder, 'target/real'), 'utf8'), /^AWS_REGION=eu-central-1\n/)

  assert.is((await setup.run(['--terraform', 'infra', '--file', 'new'])).code, 0)
  assert.is((await stat(join(setup.folder, 'new'))).mode & 0o777, 0o600)

  const nowhere = await setup.run(['--terraform', 'infra', '--file', 'no/such/folder/.env'])
  assert.is(nowhere.code, 2)
  assert.match(nowhere.errorOutput, /config\.invalid.*cannot write .*no\/such\/folder\/\.env/)
})

check('reports a missing output or folder with what to do, and writes nothing', async () => {
  await using setup = await prepare('output "other" { value = 1 }\n')
  const noOutput = await setup.run(['--terraform', 'infra'])
  assert.is(noOutput.code, 2)
  assert.match(
    noOutput.errorOutput,
    /config\.terraform.*do not contain \\"env\\".*Run \\"terraform apply\\" there first/,
  )
  const noFolder = await setup.run(['--terraform', 'nowhere'])
  assert.is(noFolder.code, 2)
  assert.match(noFolder.errorOutput, /config\.terraform.*cannot read the outputs of .*nowhere/)
  await readFile(join(setup.folder, '.env')).then(
    () => assert.unreachable('nothing is written'),
    () => undefined,
  )
})

test('reports a terraform that is missing or prints invalid JSON', async () => {
  await using folder = await temporaryFolder()
  const env = { PATH: folder.path }
  const run = async () => {
    await using mediad = await startMediad(['env', '--terraform', '.'], { cwd: folder.path, env })
    const code = await mediad.ended
    return `${code} ${mediad.entries.map(({ text }) => text).join('\n')}`
  }
  assert.match(await run(), /^2 .*terraform is not in the PATH\. Install it/s)
  const program = join(folder.path, 'terraform')
  await writeFile(program, '#!/bin/sh\necho nonsense\n')
  await chmod(program, 0o755)
  assert.match(await run(), /^2 .*is not valid JSON: nonsense/s)
})

/** Creates a folder with an applied Terraform root module `infra`. */
async function prepare(outputs: string) {
  const folder = await temporaryFolder()
  const infra = join(folder.path, 'infra')
  await mkdir(infra)
  await writeFile(join(infra, 'main.tf'), outputs)
  await using terraform = await openTerraform()
  await terraform.runOrThrow([`-chdir=${infra}`, 'apply', '-auto-approve', '-input=false'])
  return {
    folder: folder.path,
    async run(args: readonly string[]) {
      await using mediad = await startMediad(['env', ...args], { cwd: folder.path })
      const code = await mediad.ended
      const names = mediad.entries.filter(({ stream }) => stream === 'stdout').map(({ name }) => String(name))
      return { code, names, errorOutput: mediad.entries.map(({ text }) => text).join('\n') }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
