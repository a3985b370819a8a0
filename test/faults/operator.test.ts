import * as assert from 'uvu/assert'
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import { PurgeQueueCommand } from '@aws-sdk/client-sqs'
import { join } from 'node:path'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import type { Call } from './calls.ts'
import { gateCode } from '../helpers/gate.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { toDocumentPath, shortLease, getJobId, type Bench } from './setup.ts'

const row = runInParallel(suite('faults that an operator repairs', { timeoutSeconds: ROW_SECONDS }))

const quick = { code: noteCode, chain: '[note(), upload()]' }
const gated = { code: gateCode + noteCode, chain: '[gate(), note(), upload()]' }
const named = (name: string) => (call: Call) => call.name === name

row.exhaustive(
  'Q5: an in-progress message whose document cannot be read is dead-lettered after ten receives',
  async () => {
    await using bench = await startBench({ ...quick, daemons: 0 })
    const video = await tinyVideo()
    const etag = await bench.upload('origin_a.mp4', video)
    await bench.cloud.sqs.send(new PurgeQueueCommand({ QueueUrl: bench.cloud.local.queueUrls.work }))
    const path = toDocumentPath('origin_a.mp4')
    await bench.cloud.put(path, '{"version":99}')
    const source = { bucket: BUCKET, key: 'origin_a.mp4', etag, sizeBytes: video.length }
    const body = JSON.stringify({ version: 1, id: getJobId(source.key), source, claim: 1, owner: 'somebody/12345678' })
    await bench.send('inProgress', body)
    const { proxy } = await bench.start()
    await until('the message is dead-lettered and deleted', () => proxy.calls.some(named('DeleteMessage in-progress')))
    assert.equal(
      (await operate(bench, 'dead')).map((dead) => [dead.reason, dead.body]),
      [['internal.document', body]],
    )
    assert.is((await bench.cloud.get(path)).toString(), '{"version":99}')

    await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: path }))
    assert.equal(
      (await operate(bench, 'dead', 'redrive', '--all')).map(({ key, done }) => [key, done]),
      [['origin_a.mp4', true]],
    )
    await bench.waitUntilIdle()
    await bench.checkInvariants()
  },
)

row.exhaustive(
  'Q7: all messages are lost while the owner is dead: the job is listed as stale, and an operator requeues it',
  async () => {
    await using bench = await startBench({ ...gated, more: shortLease })
    const { daemon } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    await daemon.waitFor('job.started')
    await daemon.kill()
    for (const QueueUrl of [bench.cloud.local.queueUrls.work, bench.cloud.local.queueUrls.inProgress])
      await bench.cloud.sqs.send(new PurgeQueueCommand({ QueueUrl }))
    await bench.start()
    await until('the job is stale', async () => (await operate(bench, 'jobs'))[0]?.stale === true)
    await bench.openGate()
    assert.is(bench.countEvents('job.started'), 1, 'nothing starts the job again')
    assert.equal(
      (await operate(bench, 'requeue', '--all')).map(({ key, done }) => [key, done]),
      [['origin_a.mp4', true]],
    )
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    assert.equal(await operate(bench, 'requeue', '--all'), [])
  },
)

/** Runs an operator command with the config of the daemons, and returns its output lines. */
async function operate({ cloud, first }: Bench, ...args: string[]): Promise<Record<string, unknown>[]> {
  const config = join(first.daemon.folder, 'media.config.mjs')
  const env = { ...cloud.local.env, MEDIAD_BUCKET: BUCKET, MEDIAD_LOG_LEVEL: 'warn' }
  const { queueUrls } = cloud.local
  const urls = {
    MEDIAD_WORK_QUEUE_URL: queueUrls.work,
    MEDIAD_IN_PROGRESS_QUEUE_URL: queueUrls.inProgress,
    MEDIAD_DEAD_QUEUE_URL: queueUrls.dead,
  }
  await using command = await startMediad([...args, '--config', config], { env: { ...env, ...urls } })
  assert.is(await command.ended, 0)
  return [...command.entries]
}
