import { createHash, createHmac, randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import { SlicedSha256 } from '../../daemon/storage/payload-hash.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('payload hash')

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('hashes data of any size and type as SHA-256', async () => {
  for (const size of [0, 1, 256 * 1024, 256 * 1024 + 1, 1_000_000]) {
    const data = randomBytes(size)
    const hash = new SlicedSha256()
    hash.update(data.subarray(0, 1))
    hash.update(new Uint8Array(data.subarray(1)).buffer)
    assert.is(toHex(await hash.digest()), createHash('sha256').update(data).digest('hex'), `${size} bytes`)
  }
})

test('signs with a secret', async () => {
  const hash = new SlicedSha256(new Uint8Array([1, 2]))
  hash.update('text')
  const expected = createHmac('sha256', Buffer.from([1, 2]))
    .update('text')
    .digest('hex')
  assert.is(toHex(await hash.digest()), expected)
})

test('lets other work run while it hashes large data', async () => {
  const hash = new SlicedSha256()
  hash.update(Buffer.alloc(2 ** 20))
  let turns = 0
  const count = () => {
    turns++
    timer = setImmediate(count)
  }
  let timer = setImmediate(count)
  await hash.digest()
  clearImmediate(timer)
  assert.ok(turns >= 3)
})
