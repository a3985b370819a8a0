/** A daemon whose machine will be gone: it takes nothing more, ends what it can, and gives the rest back. */
import * as assert from 'uvu/assert'
import { runInParallel } from '../helpers/parallel.ts'
import { startFleet, type Fleet } from '../helpers/fleet.ts'
import { createGate, gateCode, type Gate } from '../helpers/gate.ts'
import { tinyVideo } from '../helpers/media.ts'
import { startMetadata, type MetadataService } from '../helpers/metadata.ts'
import type { Mediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('notice of the machine'))

test('a spot interruption: the running job ends, nothing more is taken, exit code 0', async () => {
  await using scene = await start({ graceSeconds: 600 })
  const { fleet, service, gate } = scene
  const daemon = await startJob(fleet)
  service.put('spot/instance-action', '{"action":"terminate","time":"2026-01-01T00:02:00Z"}')
  await daemon.waitFor(({ event, reason }) => event === 'daemon.stopping' && reason === 'spot_interruption')
  await fleet.cloud.put('origin_b.mp4', await tinyVideo())
  await gate.open()
  assert.is(await daemon.ended, 0)
  assert.is((await fleet.document('origin_a.mp4'))?.state, 'succeeded')
  assert.is(await fleet.document('origin_b.mp4'), null)
})

test('the end of a group’s instance: after the grace time a job is released, and the next daemon does it', async () => {
  await using scene = await start({ graceSeconds: 1 })
  const { fleet, service } = scene
  const daemon = await startJob(fleet)
  service.put('autoscaling/target-lifecycle-state', 'Terminated')
  assert.is(await daemon.ended, 0)
  const released = await fleet.document('origin_a.mp4')
  assert.equal([released?.state, released?.attempt], ['released', 1])
  const counts = await fleet.cloud.messages(fleet.cloud.local.queueUrls.work)
  assert.is(counts.visible + counts.delayed, 1)
})

test.exhaustive('a mere recommendation leaves a running job its time, beyond the grace time', async () => {
  await using scene = await start({ graceSeconds: 0 })
  const { fleet, service, gate } = scene
  const daemon = await startJob(fleet)
  service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
  await daemon.waitFor('daemon.stopping')
  await fleet.cloud.put('origin_b.mp4', await tinyVideo())
  await gate.open()
  assert.is(await daemon.ended, 0)
  assert.is((await fleet.document('origin_a.mp4'))?.state, 'succeeded')
  assert.is(await fleet.document('origin_b.mp4'), null)
})

test.exhaustive('a recommendation, then the interruption: the grace time begins with the second', async () => {
  await using scene = await start({ graceSeconds: 0 })
  const { fleet, service } = scene
  const daemon = await startJob(fleet)
  service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
  await daemon.waitFor('daemon.stopping')
  service.put('spot/instance-action', '{"action":"terminate"}')
  assert.is(await daemon.ended, 0)
  assert.is((await fleet.document('origin_a.mp4'))?.state, 'released')
})

test.exhaustive('without an address nobody is asked', async () => {
  await using service = await startMetadata()
  await using fleet = await startFleet({ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url } })
  await until('the daemon has started', () => fleet.countEvents('daemon.started') === 1)
  assert.equal(service.requests, [])
})

/** The daemon, which has a job in hand. */
async function startJob({ cloud, daemons: [daemon] }: Fleet): Promise<Mediad> {
  assert.ok(daemon)
  await cloud.put('origin_a.mp4', await tinyVideo())
  await daemon.waitFor('job.started')
  return daemon
}

type Scene = { fleet: Fleet; service: MetadataService; gate: Gate } & AsyncDisposable

/** A daemon on a machine in service; its jobs last until the gate is opened. */
async function start({ graceSeconds }: { graceSeconds: number }): Promise<Scene> {
  const service = await startMetadata()
  service.put('autoscaling/target-lifecycle-state', 'InService')
  const gate = await createGate()
  const fleet = await startFleet({
    code: gateCode,
    chain: '[gate(), upload()]',
    more: `shutdown: { graceSeconds: ${graceSeconds}, metadataUrl: env('TEST_METADATA_URL') },`,
    env: { ...gate.env, TEST_METADATA_URL: service.url },
  })
  return {
    fleet,
    service,
    gate,
    async [Symbol.asyncDispose]() {
      await fleet[Symbol.asyncDispose]()
      await gate[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}
