import * as assert from 'uvu/assert'
import { startFleet } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

/** Adds `count` small files whose kind has `kind` characters, and reports `warnings` long warnings. */
const manyCode = `
const many = definePlugin('many', z.object({ count: z.int(), kind: z.int(), warnings: z.int() }), (options) => ({
  keys: ['many_{name}_{n}.txt'],
  async run({ workspace, add, warn }) {
    for (let n = 0; n < options.warnings; n++) warn('ä'.repeat(10_000))
    const path = join(workspace, 'many.txt')
    await writeFile(path, 'text')
    for (let n = 0; n < options.count; n++)
      await add(path, 'k'.repeat(options.kind), { key: 'many_{name}_{n}.txt', contentType: 'text/plain', values: { n } })
  },
}))
`
const chain = ({ count = 1, kind = 1, warnings = 0 }) => ({
  code: manyCode,
  chain: `[many({ count: ${count}, kind: ${kind}, warnings: ${warnings} }), upload()]`,
})

const test = suite('limits of a job document', { timeoutSeconds: 120 })

test.exhaustive('dead-letters a chain with 1,001 outputs at the first attempt, and uploads nothing', async () => {
  await using fleet = await startFleet(chain({ count: 1001 }))
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const { state, error, attempt, outputs } = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([state, error?.code, attempt, outputs], ['dead', 'output.too_many', 1, []])
  assert.equal(await fleet.cloud.list('many_'), [])
  await fleet.waitUntilDrained()
  assert.equal(
    (await fleet.takeDeadMessages()).map(({ reason }) => reason),
    ['output.too_many'],
  )
})

test.exhaustive('dead-letters a job whose document would exceed 512 KiB, without its outputs', async () => {
  await using fleet = await startFleet(chain({ kind: 600_000 }))
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const { state, error, attempt, outputs } = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([state, error?.code, attempt, outputs], ['dead', 'document.too_large', 1, []])
  await fleet.waitUntilDrained()
  assert.is((await fleet.takeDeadMessages()).length, 1)
})

test.exhaustive('limits the warnings in a document, and counts those it leaves out', async () => {
  await using fleet = await startFleet(chain({ warnings: 300 }))
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  const { id, state, warnings = [] } = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([state, warnings.length], ['succeeded', 101])
  assert.equal(warnings[100], { plugin: 'mediad', message: '200 more warnings left out' })
  const [daemon] = fleet.daemons
  const response = await fetch(`${daemon?.url}/video/${id}`)
  assert.is(response.status, 200)
  assert.is(((await response.json()) as { warnings: unknown[] }).warnings.length, 101)
})
