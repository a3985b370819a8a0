import { parseEnv } from 'node:util'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { mergeEnvironment } from '../../daemon/cli/env/file.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('env file')
const merge = (text: string, values: Record<string, string>) => mergeEnvironment(text, values, '.env')

test('writes the values to a new file, in their order', () => {
  const values = { AWS_REGION: 'eu-central-1', MEDIAD_WORK_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/a-b' }
  assert.is(
    merge('', values),
    'AWS_REGION=eu-central-1\nMEDIAD_WORK_QUEUE_URL=https://sqs.eu-central-1.amazonaws.com/1/a-b\n',
  )
})

test('replaces existing variables in place, and keeps comments, order and everything else', () => {
  const before = '# mine\nLEVEL=debug\n export MEDIAD_BUCKET = "old"\n\nOTHER="a\nb"'
  const after = merge(before, { MEDIAD_BUCKET: 'new', AWS_REGION: 'eu-central-1' })
  assert.is(after, '# mine\nLEVEL=debug\nMEDIAD_BUCKET=new\n\nOTHER="a\nb"\nAWS_REGION=eu-central-1\n')
})

test('is idempotent', () => {
  const values = { A: 'x y', B: "it's" }
  const once = merge('C=1\n', values)
  assert.is(merge(once, values), once)
})

test('rejects a file in which another variable would change, and a value that cannot be written', () => {
  const inside = 'TEXT="\nMEDIAD_BUCKET=inside\n"\n'
  assert.throws(
    () => merge(inside, { MEDIAD_BUCKET: 'x' }),
    (error: unknown) => error instanceof MediadError && /without changing other variables/.test(error.message),
  )
  assert.throws(() => merge('', { A: 'a\nb' }), /the value of A cannot be written to a \.env file: "a\\nb"/)
  assert.throws(() => merge('', { A: `'"\`` }), /cannot be written/)
})

test('writes any value so that Node reads it back, or rejects it', () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/)
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), fc.dictionary(name, fc.string()), (old, values) => {
      const before = attempt(() => merge('', old)) ?? ''
      const after = attempt(() => merge(before, values))
      if (after !== undefined) assert.equal({ ...parseEnv(after) }, { ...parseEnv(before), ...values })
    }),
  )
})

function attempt(act: () => string): string | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof MediadError) return undefined
    throw error
  }
}
