import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile, readAt } from '../../daemon/probe/bytes.ts'
import { createRandom } from '../protocol/random.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('bytes of a file')

test('reads what the file contains at any offset, whatever was read before', async () => {
  await using folder = await temporaryFolder()
  const random = createRandom(1)
  for (const size of [0, 1, 100, 8192, 8193, 50_000]) {
    const content = Buffer.from(Array.from({ length: size }, () => Math.floor(random.between(0, 256))))
    const path = join(folder.path, String(size))
    await writeFile(path, content)
    await using file = await openFile(path)
    assert.is(file.size, size)
    for (let n = 0; n < 200; n++) {
      const at = random.chance(0.3) ? 0 : Math.floor(random.between(0, size + 10))
      const length = Math.floor(random.between(0, random.chance(0.2) ? 20_000 : 32))
      assert.equal(
        await readAt(file, at, length),
        content.subarray(at, at + length),
        `${length} bytes at ${at} of ${size}`,
      )
    }
  }
})

test('headers that follow each other are one read, and the start of the file is read once', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  await writeFile(path, Buffer.alloc(100_000))
  await using file = await openFile(path)
  let reads = 0
  const { read } = file.handle
  file.handle.read = ((...args: Parameters<typeof read>) => {
    reads++
    return read.apply(file.handle, args)
  }) as typeof read
  for (const at of [0, 16, 90_000, 90_008, 0, 8176, 90_016]) await readAt(file, at, 16)
  assert.is(reads, 2)
})
