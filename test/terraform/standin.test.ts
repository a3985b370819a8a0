/** The stand-in for the AWS provider rejects and accepts the same configurations as the real one. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'

const missing = findTerraformSkipReason()
const test = suite('terraform stand-in')

/** Body of a queue, and the expected diagnostics; null for none. */
const cases: Readonly<Record<string, readonly [body: string, expected: RegExp | null]>> = {
  'accepts a valid queue': ['name = "a"\nvisibility_timeout_seconds = 30', null],
  'accepts a value that is not known yet': [
    'name = "a"\nmessage_retention_seconds = terraform_data.later.output',
    null,
  ],
  'rejects an unknown argument': ['visibility = 30', /Unsupported argument.*"visibility"/],
  'rejects a wrong type': ['delay_seconds = "soon"', /Incorrect attribute value type.*number is required/s],
  'rejects a value outside its range': [
    'visibility_timeout_seconds = 43201',
    /visibility_timeout_seconds must be from 0 to 43200/,
  ],
  'rejects a name with a dot': ['name = "a.b"', /aws_sqs_queue\.name must match/],
  'rejects a policy that is not JSON': ['redrive_policy = "none"', /redrive_policy must be JSON/],
  'rejects an attribute that the provider computes': [
    'arn = "arn:aws:sqs:eu-central-1:1:a"',
    /arn is computed by the provider/,
  ],
}

let terraform: Terraform

if (missing === null) {
  test.before(async () => {
    terraform = await openTerraform()
    await mkdir(join(terraform.folder, '../queue'))
  })
  test.after(async () => {
    await terraform[Symbol.asyncDispose]()
  })
}

for (const [name, [body, expected]] of Object.entries(cases)) {
  if (missing !== null) test.skip(name, missing)
  else
    test(name, async () => {
      const config = `resource "terraform_data" "later" {}\nresource "aws_sqs_queue" "it" {\n${body}\n}\n`
      await writeFile(join(terraform.folder, '../queue/main.tf'), config)
      await terraform.runOrThrow(['init', '-backend=false', '-input=false'], '../queue')
      const { diagnostics } = JSON.parse((await terraform.run(['validate', '-json'], '../queue')).stdout)
      const text = diagnostics.map(({ summary, detail }: Record<string, string>) => `${summary}: ${detail}`).join('\n')
      if (expected === null) assert.is(text, '')
      else assert.match(text, expected)
    })
}

if (missing !== null) test.skip('cannot plan or apply', missing)
else
  test('cannot plan or apply', async () => {
    await writeFile(join(terraform.folder, '../queue/main.tf'), 'resource "aws_sqs_queue" "it" {}\n')
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'], '../queue')
    const { code, stderr } = await terraform.run(['plan', '-input=false', '-no-color'], '../queue')
    assert.is(code, 1)
    assert.match(stderr, /This is not the AWS provider/)
  })
