import * as assert from 'uvu/assert'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { startBench } from './bench.ts'
import { all } from './explore.ts'
import { noteCode } from '../helpers/fleet.ts'
import { ROW_SECONDS } from '../helpers/parallel.ts'

const test = suite('endpoint faults', { timeoutSeconds: ROW_SECONDS, exhaustive: true })

const COUNT = all ? 10_000 : 1000
const AT_ONCE = 20

test('N8: a flood of presign requests causes no request to S3 or SQS, and jobs continue', async () => {
  await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]' })
  const { daemon, proxy } = bench.first
  const findSourceCalls = () =>
    proxy.calls.filter(({ service, key }) => service === 's3' && key !== '' && key.startsWith('origin_'))
  const startedAt = performance.now()
  const keys = new Set<string>()
  await Promise.all([
    ...Array.from({ length: AT_ONCE }, async () => {
      for (let n = 0; n < COUNT / AT_ONCE; n++) {
        const response = await fetch(`${daemon.url}/video/pre-signed-url`, { method: 'POST' })
        assert.is(response.status, 200)
        keys.add(((await response.json()) as { key: string }).key)
      }
    }),
    bench.upload('origin_a.mp4', await tinyVideo()),
  ])
  const seconds = (performance.now() - startedAt) / 1000
  process.stdout.write(`  ${COUNT} presign requests in ${seconds.toFixed(1)} s\n`)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is(keys.size, COUNT)
  assert.equal([...new Set(findSourceCalls().map(({ key }) => key))], ['origin_a.mp4'])
})
