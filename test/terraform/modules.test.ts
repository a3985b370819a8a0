/**
 * The modules as the real Terraform CLI sees them: format, initialization, validation, and every run of `terraform/tests`,
 * which are ordinary Terraform tests and run with the real provider too (MEDIAD_TERRAFORM_REGISTRY=1).
 */
import { globSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { readDocs } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'
import { readRuns, toVerdicts, type Verdict } from './runs.ts'
import { renew } from './standin/renew.ts'
import { schemas } from './standin/schema.ts'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'terraform')
const folders = globSync('**/versions.tf', { cwd: source }).map(dirname).toSorted()
const runs = readRuns(join(source, 'tests'))
const missing = findTerraformSkipReason()

const test = suite('terraform')
const check = (name: string, body: () => Promise<void>) =>
  missing === null ? test(name, body) : test.skip(name, missing)

let terraform: Terraform
let verdicts: Map<string, Verdict>

if (missing === null) {
  test.before(async () => {
    terraform = await openTerraform()
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'])
    verdicts = toVerdicts((await terraform.run(['test', '-json'])).stdout)
  })
  test.after(async () => {
    await terraform[Symbol.asyncDispose]()
  })
}

check('fmt', async () => {
  const { code, stdout } = await terraform.run(['fmt', '-check', '-recursive', '-diff'])
  assert.is(code, 0, stdout)
})

for (const folder of folders) {
  check(`init and validate: ${folder}`, async () => {
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'], folder)
    const said = JSON.parse((await terraform.run(['validate', '-json'], folder)).stdout)
    assert.equal(said.diagnostics, []) // no warnings either
  })
}

/** What must be there before daemons are, and as long as they are; only the graph shows it. */
const before: Readonly<Record<string, readonly string[]>> = {
  'modules/fleet': ['aws_iam_role_policy_attachment.daemon', 'aws_iam_role_policy_attachment.extra'],
  'modules/ecs': ['aws_iam_role_policy_attachment.daemon', 'aws_iam_role_policy_attachment.execution'],
}

for (const [folder, rights] of Object.entries(before))
  check(`daemons have their rights and their way out from the start: ${folder}`, async () => {
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'], folder)
    const edges = await terraform.runOrThrow(['graph'], folder)
    const daemons = folder === 'modules/fleet' ? 'aws_autoscaling_group.daemons' : 'aws_ecs_service.daemons'
    for (const needed of [...rights, 'aws_vpc_security_group_egress_rule.out'])
      assert.ok(edges.includes(`"${daemons}" -> "${needed}"`), `${daemons} does not wait for ${needed}`)
  })

check('the configuration that the documentation shows', async () => {
  const infra = join(terraform.folder, '../infra')
  await mkdir(infra)
  const blocks = readDocs(root)
    .page('docs/deploy.md')
    .blocks.filter(({ language }) => language === 'hcl')
  assert.ok(blocks.length > 1)
  for (const { marks, text } of blocks) await writeFile(join(infra, '..', marks.file ?? ''), text)
  await writeFile(join(infra, 'media.config.ts'), 'export default defineConfig({ shutdown: { metadataUrl } })')
  await terraform.runOrThrow(['init', '-backend=false', '-input=false'], '../infra')
  await terraform.runOrThrow(['validate'], '../infra')
})

check('the variables that the documentation sets are the example’s', async () => {
  const shown = readDocs(root)
    .page('docs/deploy.md')
    .blocks.find(({ text }) => text.includes('terraform.tfvars'))
  const set = [...(shown?.text.matchAll(/^(\w+) += /gm) ?? [])].map(([, name]) => name)
  const text = readFileSync(join(source, 'examples/fleet/main.tf'), 'utf8')
  const declared = new Set([...text.matchAll(/^variable "(\w+)"/gm)].map(([, name]) => name))
  assert.ok(set.length > 3)
  assert.equal(
    set.filter((name) => !declared.has(name)),
    [],
  )
})

for (const run of runs) check(run, () => Promise.resolve(assert.equal(verdicts.get(run), { status: 'pass', said: [] })))

check('every run was run, and no other', async () => {
  assert.equal([...verdicts.keys()].toSorted(), runs.toSorted())
  assert.ok(runs.length > 90)
})

check('the stand-in says of the provider what its schema says', async () => {
  const told = await terraform.runOrThrow(['providers', 'schema', '-json'])
  const { resource_schemas, data_source_schemas } = schemas
  assert.equal(renew(told, schemas), { resource_schemas, data_source_schemas })
})

test('every variable and output is described, every variable typed', () => {
  for (const file of globSync('**/{variables,outputs,main}.tf', { cwd: source })) {
    const text = readFileSync(join(source, file), 'utf8')
    for (const [block = '', kind, name] of text.matchAll(/^(variable|output) "(\w+)" \{\n(?:.*\n)*?^\}/gm)) {
      assert.match(block, /^ {2}description += /m, `${file}: ${name}`)
      if (kind === 'variable') assert.match(block, /^ {2}type += /m, `${file}: ${name}`)
    }
  }
})

test('every validation is refused by a run', () => {
  for (const [folder, prefix] of [
    ['.', ''],
    ['modules/fleet', 'fleet_'],
    ['modules/ecs', 'ecs_'],
  ] as const) {
    const text = readFileSync(join(source, folder, 'variables.tf'), 'utf8')
    for (const [block = '', name] of text.matchAll(/^variable "(\w+)" \{\n(?:.*\n)*?^\}/gm)) {
      const validations = block.match(/^ {2}validation \{/gm)?.length ?? 0
      const refusals = runs.filter((run) => run.startsWith('validation') && isOf(run, `${prefix}${name}`))
      assert.ok(
        refusals.length >= validations,
        `${folder}: ${name} has ${validations}, refused ${refusals.length} times`,
      )
    }
  }
})

test('nobody is a user, and nothing has an access key', () => {
  for (const file of globSync('**/*.{tf,tftpl}', { cwd: source }))
    assert.not.match(readFileSync(join(source, file), 'utf8'), /aws_iam_(?:user|access_key)|AWS_SECRET/, basename(file))
})

function isOf(run: string, name: string): boolean {
  const own = run.split(' › ')[1] ?? ''
  return own === name || (own.startsWith(`${name}_`) && /^_\d+$/.test(own.slice(name.length)))
}
