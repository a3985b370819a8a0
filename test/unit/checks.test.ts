import * as assert from 'uvu/assert'
import { startChecks, type Check } from '../../daemon/lifecycle/check.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('checks')

test('started checks run once, at once, and report their result, warnings and error when they are run', async () => {
  const started: string[] = []
  const toCheck = (name: string, error?: Error): Check => ({
    name,
    async run(warn) {
      started.push(name)
      warn(`${name} warns`)
      if (error) throw error
      return `${name} passed`
    },
  })
  const [good, bad] = startChecks([toCheck('good'), toCheck('bad', new Error('broken'))])
  assert.equal(started, ['good', 'bad'])
  await new Promise((resolve) => setImmediate(resolve)) // an error that nobody handles would end the process
  const warnings: string[] = []
  assert.is(await good?.run((message) => warnings.push(message)), 'good passed')
  const thrown = await bad?.run((message) => warnings.push(message)).catch((error: unknown) => error)
  assert.is((thrown as Error).message, 'broken')
  assert.equal(warnings, ['good warns', 'bad warns'])
  assert.equal(started, ['good', 'bad'])
})
