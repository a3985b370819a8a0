/** `mediad env`, with the real Terraform where there is one: outputs need neither provider nor network. */
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

check('outputs become a .env that only its owner reads; other lines stay; again changes nothing', async () => {
  await using stage = await prepare(good)
  const file = join(stage.folder, '.env')
  await writeFile(file, '# mine\nMEDIAD_BUCKET=old\nLEVEL=1\n', { mode: 0o640 })
  const first = await stage.run(['--terraform', 'infra'])
  assert.equal([first.code, first.said], [0, ['AWS_REGION', 'MEDIAD_BUCKET', 'MEDIAD_WORK_QUEUE_URL']])
  const wanted =
    '# mine\nMEDIAD_BUCKET=my-media\nLEVEL=1\nAWS_REGION=eu-central-1\nMEDIAD_WORK_QUEUE_URL=https://sqs.example.com/1/work\n'
  assert.is(await readFile(file, 'utf8'), wanted)
  assert.is((await stat(file)).mode & 0o777, 0o640)
  assert.is((await stage.run(['--terraform', 'infra'])).code, 0)
  assert.is(await readFile(file, 'utf8'), wanted)

  await mkdir(join(stage.folder, 'there'))
  await symlink('there/real', join(stage.folder, 'link'))
  await writeFile(join(stage.folder, 'there/real'), '')
  assert.is((await stage.run(['--terraform', 'infra', '--file', 'link'])).code, 0)
  assert.match(await readFile(join(stage.folder, 'there/real'), 'utf8'), /^AWS_REGION=eu-central-1\n/)

  assert.is((await stage.run(['--terraform', 'infra', '--file', 'new'])).code, 0)
  assert.is((await stat(join(stage.folder, 'new'))).mode & 0o777, 0o600)

  const nowhere = await stage.run(['--terraform', 'infra', '--file', 'no/such/folder/.env'])
  assert.is(nowhere.code, 2)
  assert.match(nowhere.complaint, /config\.invalid.*cannot write .*no\/such\/folder\/\.env/)
})

check('nothing applied, no such output, no such folder: said, with what to do, and nothing is written', async () => {
  await using stage = await prepare('output "other" { value = 1 }\n')
  const noOutput = await stage.run(['--terraform', 'infra'])
  assert.is(noOutput.code, 2)
  assert.match(noOutput.complaint, /config\.terraform.*have no map of texts.*run \\"terraform apply\\" there first/)
  const noFolder = await stage.run(['--terraform', 'nowhere'])
  assert.is(noFolder.code, 2)
  assert.match(noFolder.complaint, /config\.terraform.*cannot read the outputs of .*nowhere/)
  await readFile(join(stage.folder, '.env')).then(
    () => assert.unreachable('nothing is written'),
    () => undefined,
  )
})

test('without terraform in PATH, and with one that answers nonsense', async () => {
  await using folder = await temporaryFolder()
  const env = { PATH: folder.path }
  const run = async () => {
    await using mediad = await startMediad(['env', '--terraform', '.'], { cwd: folder.path, env })
    const code = await mediad.ended
    return `${code} ${mediad.entries.map(({ text }) => text).join('\n')}`
  }
  assert.match(await run(), /^2 .*there is no terraform in PATH: install it/s)
  const program = join(folder.path, 'terraform')
  await writeFile(program, '#!/bin/sh\necho nonsense\n')
  await chmod(program, 0o755)
  assert.match(await run(), /^2 .*what is no JSON: nonsense/s)
})

/** A folder with a Terraform root module `infra`, applied. */
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
      const said = mediad.entries.filter(({ stream }) => stream === 'stdout').map(({ name }) => String(name))
      return { code, said, complaint: mediad.entries.map(({ text }) => text).join('\n') }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
