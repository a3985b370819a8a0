import { utimes, writeFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { inspectOnce } from '../../daemon/pipeline/inspect-once.ts'
import { rejection } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { aProbe } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const { signal } = new AbortController()

async function prepare() {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'video.mp4')
  await writeFile(path, 'data')
  let count = 0
  const inspect = inspectOnce(async () => aProbe({ streamCount: ++count }))
  const countInspections = async () => (await inspect(path, signal)).streamCount
  return { folder, path, countInspections, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const test = suite('inspect once')

test('inspects a file again only when it has changed', async () => {
  await using prepared = await prepare()
  const { folder, path, countInspections } = prepared
  assert.equal([await countInspections(), await countInspections()], [1, 1])
  await writeFile(path, 'longer data')
  assert.equal([await countInspections(), await countInspections()], [2, 2])
  await utimes(path, 1, 2)
  assert.is(await countInspections(), 3)
  const other = join(folder.path, 'other.mp4')
  await writeFile(other, 'longer data')
  await utimes(other, 1, 2)
  await rename(other, path)
  assert.is(await countInspections(), 4)
})

test('does not remember a failure', async () => {
  await using prepared = await prepare()
  let count = 0
  const inspect = inspectOnce(async () => {
    if (++count === 1) throw new Error('busy')
    return aProbe({ streamCount: 7 })
  })
  assert.is((await rejection(inspect(prepared.path, signal))).message, 'busy')
  assert.is((await inspect(prepared.path, signal)).streamCount, 7)
})

test('leaves a file that does not exist to ffprobe', async () => {
  await using prepared = await prepare()
  let count = 0
  const inspect = inspectOnce(async () => aProbe({ streamCount: ++count }))
  const missing = join(prepared.folder.path, 'missing')
  await inspect(missing, signal)
  assert.is((await inspect(missing, signal)).streamCount, 2)
})
