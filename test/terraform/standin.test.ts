/** The stand-in for the AWS provider refuses what the real one would, and lets through what it would. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { openTerraform, findTerraformSkipReason, type Terraform } from '../helpers/terraform.ts'

const missing = findTerraformSkipReason()
const test = suite('terraform stand-in')

/** The body of a queue, and what is said of it; nothing when it is right. */
const cases: Readonly<Record<string, readonly [body: string, said: RegExp | null]>> = {
  'what is right': ['name = "a"\nvisibility_timeout_seconds = 30', null],
  'what is not known yet': ['name = "a"\nmessage_retention_seconds = terraform_data.later.output', null],
  'an argument that there is not': ['visibility = 30', /Unsupported argument.*"visibility"/],
  'a wrong type': ['delay_seconds = "soon"', /Incorrect attribute value type.*number is required/s],
  'a value out of its range': [
    'visibility_timeout_seconds = 43201',
    /visibility_timeout_seconds must be from 0 to 43200/,
  ],
  'a name with a dot': ['name = "a.b"', /aws_sqs_queue\.name must match/],
  'a policy that is no JSON': ['redrive_policy = "none"', /redrive_policy must be JSON/],
  'what the provider decides': ['arn = "arn:aws:sqs:eu-central-1:1:a"', /arn is the provider's to decide/],
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

for (const [name, [body, said]] of Object.entries(cases)) {
  if (missing !== null) test.skip(name, missing)
  else
    test(name, async () => {
      const text = `resource "terraform_data" "later" {}\nresource "aws_sqs_queue" "it" {\n${body}\n}\n`
      await writeFile(join(terraform.folder, '../queue/main.tf'), text)
      await terraform.runOrThrow(['init', '-backend=false', '-input=false'], '../queue')
      const { diagnostics } = JSON.parse((await terraform.run(['validate', '-json'], '../queue')).stdout)
      const told = diagnostics.map(({ summary, detail }: Record<string, string>) => `${summary}: ${detail}`).join('\n')
      if (said === null) assert.is(told, '')
      else assert.match(told, said)
    })
}

if (missing !== null) test.skip('nothing can be applied with it', missing)
else
  test('nothing can be applied with it', async () => {
    await writeFile(join(terraform.folder, '../queue/main.tf'), 'resource "aws_sqs_queue" "it" {}\n')
    await terraform.runOrThrow(['init', '-backend=false', '-input=false'], '../queue')
    const { code, stderr } = await terraform.run(['plan', '-input=false', '-no-color'], '../queue')
    assert.is(code, 1)
    assert.match(stderr, /This is no AWS provider/)
  })
