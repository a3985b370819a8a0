/**
 * Checks the modules with the real Terraform CLI: format, initialization, validation, and every run of `terraform/tests`. These
 * are ordinary Terraform tests, which also run with the real provider (MEDIAD_TERRAFORM_REGISTRY=1).
 */
import { globSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { readDocs } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'
import { readRuns, toResults, type RunResult } from './runs.ts'
import { pickSchemas } from './standin/renew.ts'
import { schemas } from './standin/schema.ts'

const root = join(import.meta.dirname, '../..')
const source = join(root, 'terraform')
const folders = globSync('**/versions.tf', { cwd: source }).map(dirname).toSorted()
const runs = readRuns(join(source, 'tests'))
const missing = findTerraformSkipReason()

// all runs are one command, which needs 100 s of CPU time
const test = suite('terraform', { exhaustive: true, timeoutSeconds: 500 })
const check = (name: string, body: () => Promise<void>) =>
  missing === null ? test(name, body) : test.skip(name, missing)

let terraform: Terraform
let results: Map<string, RunResult>

if (missing === null) {
  test.before(async () => {
    terraform = await openTerraform()
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'])
    results = toResults((await terraform.run(['test', '-json'])).stdout)
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
    const { diagnostics } = JSON.parse((await terraform.run(['validate', '-json'], folder)).stdout)
    assert.equal(diagnostics, []) // no warnings either
  })
}

/** Resources that must exist before daemons start and until they end, by module. Only the graph shows the order. */
const permissions: Readonly<Record<string, readonly string[]>> = {
  'modules/fleet': [
    'aws_iam_role_policy.application',
    'aws_iam_role_policy_attachment.daemon',
    'aws_iam_role_policy_attachment.extra',
  ],
  'modules/ecs': ['aws_iam_role_policy_attachment.daemon', 'aws_iam_role_policy_attachment.execution'],
}

for (const [folder, attachments] of Object.entries(permissions))
  check(`daemons have their permissions and outbound access from the start: ${folder}`, async () => {
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'], folder)
    const edges = await terraform.runOrThrow(['graph'], folder)
    const daemons = folder === 'modules/fleet' ? 'aws_autoscaling_group.daemons' : 'aws_ecs_service.daemons'
    for (const needed of [...attachments, 'aws_vpc_security_group_egress_rule.out'])
      assert.ok(edges.includes(`"${daemons}" -> "${needed}"`), `${daemons} does not depend on ${needed}`)
  })

check('the configuration in the documentation is valid', async () => {
  const docs = readDocs(root)
  const blocks = ['docs/deploy-fleet.md', 'docs/deploy-containers.md'].flatMap((page) =>
    docs.page(page).blocks.filter(({ language }) => language === 'hcl'),
  )
  assert.is(blocks.length, 2)
  for (const { marks, text } of blocks) {
    const file = join(terraform.folder, '..', marks.file ?? '')
    await mkdir(dirname(file))
    await writeFile(file, text)
    await writeFile(join(dirname(file), 'app-1.0.0.tgz'), '')
    const folder = join('..', dirname(marks.file ?? ''))
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'], folder)
    await terraform.runOrThrow(['validate'], folder)
  }
})

check('the variables that the documentation sets exist in the example', async () => {
  const shown = readDocs(root)
    .page('docs/deploy-fleet.md')
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

for (const run of runs)
  check(run, () => Promise.resolve(assert.equal(results.get(run), { status: 'pass', errors: [] })))

check('every run has a result, and no other', async () => {
  assert.equal([...results.keys()].toSorted(), runs.toSorted())
  assert.ok(runs.length > 90)
})

check('the stand-in serves its schema unchanged', async () => {
  const json = await terraform.runOrThrow(['providers', 'schema', '-json'])
  const { resource_schemas, data_source_schemas } = schemas
  assert.equal(pickSchemas(json, schemas), { resource_schemas, data_source_schemas })
})

test('every variable and output has a description, and every variable a type', () => {
  for (const file of globSync('**/{variables,outputs,main}.tf', { cwd: source })) {
    const text = readFileSync(join(source, file), 'utf8')
    for (const [block = '', kind, name] of text.matchAll(/^(variable|output) "(\w+)" \{\n(?:.*\n)*?^\}/gm)) {
      assert.match(block, /^ {2}description += /m, `${file}: ${name}`)
      if (kind === 'variable') assert.match(block, /^ {2}type += /m, `${file}: ${name}`)
    }
  }
})

test('every validation has a run that violates it', () => {
  for (const [folder, prefix] of [
    ['.', ''],
    ['modules/fleet', 'fleet_'],
    ['modules/ecs', 'ecs_'],
  ] as const) {
    const text = readFileSync(join(source, folder, 'variables.tf'), 'utf8')
    for (const [block = '', name] of text.matchAll(/^variable "(\w+)" \{\n(?:.*\n)*?^\}/gm)) {
      const validations = block.match(/^ {2}validation \{/gm)?.length ?? 0
      const violations = runs.filter((run) => run.startsWith('validation') && isOf(run, `${prefix}${name}`))
      assert.ok(
        violations.length >= validations,
        `${folder}: ${name} has ${validations} validations and ${violations.length} runs`,
      )
    }
  }
})

test('the modules create no users and no access keys', () => {
  for (const file of globSync('**/*.{tf,tftpl}', { cwd: source }))
    assert.not.match(readFileSync(join(source, file), 'utf8'), /aws_iam_(?:user|access_key)|AWS_SECRET/, basename(file))
})

function isOf(run: string, name: string): boolean {
  const own = run.split(' › ')[1] ?? ''
  return own === name || (own.startsWith(`${name}_`) && /^_\d+$/.test(own.slice(name.length)))
}
