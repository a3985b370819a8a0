import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { toJobId as publicToJobId } from 'mediad'
import { isOlder, toJobId } from '../../daemon/vocabulary/job.ts'
import { source } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('job')
const withSequencer = (sequencer?: string) => {
  const { sequencer: _, ...rest } = source
  return sequencer === undefined ? rest : { ...rest, sequencer }
}

test('returns an id of 32 hexadecimal digits for any key', () => {
  for (const key of ['', 'origin_a.mp4', '../../etc/passwd', '\0', '漢'.repeat(341), '%2e%2e']) {
    assert.match(toJobId('media', key), /^[0-9a-f]{32}$/)
  }
})

test('returns the same id in all versions of mediad', () => {
  assert.is(toJobId('media', 'origin_a.mp4'), '25acb7c3efc6b2fd61d98521794c692d')
})

test('is exported for services that presign by themselves, and derived as documented', () => {
  assert.is(publicToJobId, toJobId)
  const digest = createHash('sha256').update(Buffer.concat([Buffer.from('media'), Buffer.of(0), Buffer.from('ä')]))
  assert.is(toJobId('media', 'ä'), digest.digest('hex').slice(0, 32))
})

test('distinguishes bucket and key', () => {
  assert.is.not(toJobId('a', 'bc'), toJobId('ab', 'c'))
  assert.is.not(toJobId('a', 'b'), toJobId('b', 'a'))
  assert.is.not(toJobId('a', 'B'), toJobId('a', 'b'))
})

const orders: [a: string, b: string, older: boolean][] = [
  ['01', '02', true],
  ['02', '01', false],
  ['01', '01', false],
  ['9', '10', true],
  ['10', '9', false],
  ['FF', '100', true],
  ['0000FF', 'FF', false],
  ['FF', '0000FF', false],
  ['0a', '0B', true],
  ['0A', '0b', true],
  ['ff', 'FF', false],
  ['0055AED6DCD90281E5', '0055AED6DCD90281E6', true],
  ['FFFFFFFFFFFFFFFFFFFF', '1000000000000000000000', true],
]

for (const [a, b, older] of orders) {
  test(`sequencer ${a} is ${older ? '' : 'not '}older than ${b}`, () =>
    assert.is(isOlder(withSequencer(a), withSequencer(b)), older))
}

function toSequencer([number, zeros, upper]: [bigint, number, boolean]): string {
  const digits = '0'.repeat(zeros) + number.toString(16)
  return upper ? digits.toUpperCase() : digits
}

test('compares sequencers as numbers of any size', () => {
  const sequencers = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 128n }), fc.nat({ max: 20 }), fc.boolean())
  fc.assert(
    fc.property(sequencers, sequencers, (a, b) =>
      assert.is(isOlder(withSequencer(toSequencer(a)), withSequencer(toSequencer(b))), a[0] < b[0]),
    ),
  )
})

test('returns false when a sequencer is missing', () => {
  assert.is(isOlder(withSequencer(), withSequencer('02')), false)
  assert.is(isOlder(withSequencer('01'), withSequencer()), false)
  assert.is(isOlder(withSequencer(), withSequencer()), false)
})
