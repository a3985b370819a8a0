/** Tests a daemon whose machine is interrupted: it takes no more jobs, finishes what it can, and releases the rest. */
import * as assert from 'uvu/assert'
import { runInParallel } from '../helpers/parallel.ts'
import { startFleet, type Fleet } from '../helpers/fleet.ts'
import { createGate, gateCode, type Gate } from '../helpers/gate.ts'
import { tinyVideo } from '../helpers/media.ts'
import { startMetadata, type MetadataService } from '../helpers/metadata.ts'
import type { Mediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('interruption of the machine'))

test('spot interruption: finishes the running job, takes no more jobs, exits with 0', async () => {
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

test.exhaustive('termination by Auto Scaling: releases the running job after the grace time', async () => {
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

test.exhaustive('rebalance recommendation: lets the running job finish, also beyond the grace time', async () => {
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

test.exhaustive(
  'rebalance recommendation, then spot interruption: the grace time starts with the interruption',
  async () => {
    await using scene = await start({ graceSeconds: 0 })
    const { fleet, service } = scene
    const daemon = await startJob(fleet)
    service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
    await daemon.waitFor('daemon.stopping')
    service.put('spot/instance-action', '{"action":"terminate"}')
    assert.is(await daemon.ended, 0)
    assert.is((await fleet.document('origin_a.mp4'))?.state, 'released')
  },
)

test.exhaustive('sends no requests without a metadata URL', async () => {
  await using service = await startMetadata()
  await using fleet = await startFleet({ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url } })
  await until('the daemon has started', () => fleet.countEvents('daemon.started') === 1)
  assert.equal(service.requests, [])
})

/** Starts a job and returns its daemon. */
async function startJob({ cloud, daemons: [daemon] }: Fleet): Promise<Mediad> {
  assert.ok(daemon)
  await cloud.put('origin_a.mp4', await tinyVideo())
  await daemon.waitFor('job.started')
  return daemon
}

type Scene = { fleet: Fleet; service: MetadataService; gate: Gate } & AsyncDisposable

/** Starts a daemon on a machine in service; its jobs run until the gate is opened. */
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
