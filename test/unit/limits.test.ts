import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findExceededLimit, measureFolder, type Cost } from '../../daemon/ffmpeg/cost.ts'
import { assertSourceSize } from '../../daemon/pipeline/process.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { limits } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('limits')

const noCost: Cost = {
  outSeconds: null,
  frame: null,
  durationSeconds: null,
  outputBytes: 0,
  workspaceBytes: 0,
  wallSeconds: 0,
}
const excess = (cost: Partial<Cost>) => findExceededLimit(limits, { ...noCost, ...cost })

test('sets the defaults of limits that are left out', () => {
  const GIB = 1024 ** 3
  assert.equal(limits, {
    sourceBytes: 20 * GIB,
    pixels: 8192 * 4320,
    streams: 200,
    durationSeconds: 43_200,
    frames: 3_000_000,
    outputBytes: 20 * GIB,
    workspaceBytes: 60 * GIB,
    wallSeconds: 43_200,
    wallFactor: 300,
    pluginSeconds: 86_400,
    memoryBytes: 8 * GIB,
  })
})

test('allows a run to cost as much as the limits, and no more', () => {
  const highest: Partial<Cost>[] = [
    { outSeconds: limits.durationSeconds },
    { frame: limits.frames },
    { outputBytes: limits.outputBytes },
    { workspaceBytes: limits.workspaceBytes },
    { wallSeconds: 300 },
    { wallSeconds: 300 + 300 * 10, durationSeconds: 10 },
    { wallSeconds: 300 + 300 * 20, durationSeconds: 10, outSeconds: 20 },
    { wallSeconds: limits.wallSeconds, durationSeconds: 1000 },
  ]
  for (const cost of highest) {
    assert.is(excess(cost), null, JSON.stringify(cost))
    const [name = 'frame'] = Object.keys(cost) as (keyof Cost)[]
    const error = excess({ ...cost, [name]: Number(cost[name]) + 1 })
    assert.equal([error?.code, error?.verdict], ['resource.limit', 'reject'], name)
  }
  assert.match(excess({ frame: 1e9 })?.message ?? '', 'exceed limits.frames: more than 3000000 frames')
})

function toSizeError(sizeBytes: number): string | null {
  try {
    assertSourceSize({ key: 'a', sizeBytes }, 100)
    return null
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('rejects a source by its size, before the download', () => {
  assert.equal([0, 1, 100, 101, 5 * 2 ** 40].map(toSizeError), [
    'input.empty',
    null,
    null,
    'input.too_large',
    'input.too_large',
  ])
})

test('measures a folder as the sum of its files', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'a', 'b'), { recursive: true })
  await writeFile(join(folder.path, 'one'), Buffer.alloc(10))
  await writeFile(join(folder.path, 'a', 'b', 'two'), Buffer.alloc(5))
  assert.is(await measureFolder(folder.path), 15)
  assert.is(await measureFolder(join(folder.path, 'missing')), 0)
})
