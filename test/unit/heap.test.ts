import { getHeapSpaceStatistics } from 'node:v8'
import * as assert from 'uvu/assert'
import { shrinkHeap } from '../../daemon/cli/heap.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('heap')

const readNewSpace = () =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0

test('gives back the memory of the young generation', () => {
  let kept: object[] = []
  for (let n = 0; readNewSpace() < 16 * 2 ** 20 && n < 1000; n++)
    kept = Array.from({ length: 10_000 }, (_, m) => ({ n, m }))
  assert.is(kept.length, 10_000)
  kept = []
  const before = readNewSpace()
  shrinkHeap()
  assert.ok(readNewSpace() < before, `${before} bytes before`)
  assert.is(globalThis.gc, undefined)
})
