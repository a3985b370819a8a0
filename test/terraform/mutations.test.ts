/** Tests a part of the mutations; `npm run mutate:terraform` tests all of them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'
import { mutations } from './mutations.ts'
import { EDGE, detectMutation } from './detect.ts'
import { readRuns } from './runs.ts'

const tests = join(import.meta.dirname, '../../terraform/tests')
const missing = findTerraformSkipReason()
/** One mutation for each kind of test. */
const selected = [
  'queues.tf: redrive on in-progress',
  'queues.tf: no SourceAccount',
  'queues.tf: notification before the policy',
  'policies.tf: wildcard action of S3',
  'variables.tf: prefixes may overlap',
  'modules/backlog/main.tf: wrong dimension',
  'modules/fleet/main.tf: hook shorter than the grace time',
]

const test = suite('terraform mutations', { exhaustive: true })

let terraform: Terraform

if (missing === null) {
  test.before(async () => {
    terraform = await openTerraform()
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'])
  })
  test.after(async () => {
    await terraform[Symbol.asyncDispose]()
  })
  test('the notification depends on the queue policy in the graph', async () => {
    assert.ok((await terraform.runOrThrow(['graph'])).includes(EDGE))
  })
} else test.skip('the graph', missing)

for (const name of selected) {
  if (missing !== null) test.skip(name, missing)
  else
    test(name, async () => {
      const mutation = mutations.find((one) => one.name === name)
      assert.ok(mutation)
      assert.ok(await detectMutation(terraform, mutation), `not detected by ${mutation.detectedBy}`)
    })
}

test('each mutation names an existing file and an existing run', () => {
  const runs = new Set([...readRuns(tests), 'graph'])
  assert.ok(mutations.length >= 60)
  for (const { name, file, find, detectedBy } of mutations) {
    assert.ok(find !== '' && existsSync(join(tests, '..', file)), name)
    assert.ok(runs.has(detectedBy), `${name}: ${detectedBy}`)
  }
})
