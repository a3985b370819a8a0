import { parseEnv } from 'node:util'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { mergeEnvironment } from '../../daemon/cli/env-file.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('env file')
const merge = (text: string, values: Record<string, string>) => mergeEnvironment(text, values, '.env')

test('a new file has the values, in their order', () => {
  const values = { AWS_REGION: 'eu-central-1', MEDIAD_WORK_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/a-b' }
  assert.is(
    merge('', values),
    'AWS_REGION=eu-central-1\nMEDIAD_WORK_QUEUE_URL=https://sqs.eu-central-1.amazonaws.com/1/a-b\n',
  )
})

test('what is there is replaced where it stands; comments, order and the rest stay', () => {
  const before = '# mine\nLEVEL=debug\n export MEDIAD_BUCKET = "old"\n\nOTHER="a\nb"'
  const after = merge(before, { MEDIAD_BUCKET: 'new', AWS_REGION: 'eu-central-1' })
  assert.is(after, '# mine\nLEVEL=debug\nMEDIAD_BUCKET=new\n\nOTHER="a\nb"\nAWS_REGION=eu-central-1\n')
})

test('doing it again changes nothing', () => {
  const values = { A: 'x y', B: "it's" }
  const once = merge('C=1\n', values)
  assert.is(merge(once, values), once)
})

test('a file that would change otherwise is refused, and so is a value that no line holds', () => {
  const inside = 'TEXT="\nMEDIAD_BUCKET=inside\n"\n'
  assert.throws(
    () => merge(inside, { MEDIAD_BUCKET: 'x' }),
    (error: unknown) => error instanceof MediadError && /without changing other lines/.test(error.message),
  )
  assert.throws(() => merge('', { A: 'a\nb' }), /A has a value that no \.env can hold: "a\\nb"/)
  assert.throws(() => merge('', { A: `'"\`` }), /no \.env can hold/)
})

test('whatever the value, Node reads it back, or it is refused', () => {
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
