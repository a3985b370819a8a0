import * as assert from 'uvu/assert'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { BUCKET } from '../helpers/cloud.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { all, explore, findLabels, isReached, job, startWith } from './explore.ts'
import type { Stop } from './stops.ts'

const test = suite('stop', { timeoutSeconds: all ? 3500 : 280 })

test('told to stop at any of its network calls: no attempt is lost, and it exits with 0', async () => {
  const labels = await findLabels()
  const stops = labels.map((label): Stop => ({ label, when: 'before' }))
  const some = stops.filter(({ label }, n) => !label.includes('ReceiveMessage') && (all || n % 3 === 0))
  const missed = await explore(some, runWithStop)
  assert.ok(missed.length <= some.length / 5, `not reached: ${missed.join('; ')}`)
})

test('told to stop inside an upload in parts: no upload stays open', async () => {
  await using bench = await startBench({ ...job, more: 'shutdown: { graceSeconds: 1 }' })
  const { daemon, line } = bench.first
  const stalled = line.fault({ on: ({ op }) => op === 'UploadPart', do: 'stall' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('a part is on its way', () => stalled.hits > 0)
  assert.is(await daemon.stop(), 0)
  const { Uploads = [] } = await bench.cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  assert.equal(
    Uploads.map(({ Key }) => Key),
    [],
  )
  await bench.start()
  await bench.quiescence()
  await bench.checkInvariants()
})

/** False when the call never came. */
async function runWithStop(stop: Stop): Promise<boolean> {
  await using bench = await startBench({ ...job, daemons: 0, more: 'shutdown: { graceSeconds: 1 }' })
  const first = await startWith(bench, { ...stop, act: async (member) => member.daemon.signal('SIGTERM') })
  if (!(await isReached(bench, first))) return false
  assert.is(await first.daemon.ended, 0, 'exit code')
  await bench.start()
  await bench.quiescence(80)
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1, 'attempts')
  return true
}
