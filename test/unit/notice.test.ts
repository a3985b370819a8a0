import * as assert from 'uvu/assert'
import { createMetadata } from '../../daemon/interruption/metadata.ts'
import { watchForInterruption, type Interruption } from '../../daemon/interruption/watch.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock } from '../helpers/fakes.ts'
import { startMetadata } from '../helpers/metadata.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('notice')

test('metadata is read with a token, which is used again, and renewed when it has run out', async () => {
  await using service = await startMetadata()
  const metadata = createMetadata({ url: `${service.url}/` })
  service.put('a', 'x')
  assert.is(await metadata.read('a'), 'x')
  assert.is(await metadata.read('b'), null)
  service.expireTokens()
  assert.is(await metadata.read('a'), 'x')
  assert.equal(service.requests, [
    'PUT /latest/api/token 200',
    'GET /latest/meta-data/a 200',
    'GET /latest/meta-data/b 404',
    'GET /latest/meta-data/a 401',
    'PUT /latest/api/token 200',
    'GET /latest/meta-data/a 200',
  ])
})

test('metadata that refuses or does not answer is an error, and no token is kept of it', async () => {
  await using service = await startMetadata()
  const metadata = createMetadata({ url: service.url })
  service.fail(403)
  await rejects(metadata.read('a'), /api\/token with HTTP 403; it must be enabled/)
  service.fail(null)
  assert.is(await metadata.read('a'), null)
  service.fail(500)
  await rejects(metadata.read('a'), /meta-data\/a with HTTP 500/)
  await service[Symbol.asyncDispose]()
  await rejects(metadata.read('a'), /no answer from the instance metadata/)
})

const cases: readonly [path: string, text: string, notice: string | null][] = [
  ['spot/instance-action', '{"action":"terminate","time":"2026-01-01T00:00:00Z"}', 'spot_interruption'],
  ['events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}', 'rebalance_recommendation'],
  ['autoscaling/target-lifecycle-state', 'Terminated', 'autoscaling_termination'],
  ['autoscaling/target-lifecycle-state', 'Warmed:Stopped', 'autoscaling_termination'],
  ['autoscaling/target-lifecycle-state', 'InService', null],
  ['autoscaling/target-lifecycle-state', 'Standby', null],
  ['autoscaling/target-lifecycle-state', 'Warmed:Running', null],
]

for (const [path, text, notice] of cases)
  test(`${path}: ${text} is ${notice === null ? 'no' : 'a'} notice`, async () => {
    await using watch = await startWatch()
    watch.service.put(path, text)
    await watch.round()
    await watch.round()
    assert.is(watch.notices.length, notice === null ? 0 : 1)
    if (notice !== null) assert.is(watch.notices[0]?.what, notice)
  })

test('nothing is a notice, until there is one; it is told once', async () => {
  await using watch = await startWatch()
  await watch.round()
  await watch.round()
  assert.equal(watch.notices, [])
  watch.service.put('spot/instance-action', '{"action":"stop"}')
  await watch.round()
  await until('the notice is told', () => watch.notices.length === 1)
  const asked = watch.service.requests.length
  await watch.clock.advance(60_000)
  assert.is(watch.service.requests.length, asked)
})

test('a warning is told once, and followed by what is urgent', async () => {
  await using watch = await startWatch()
  watch.service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
  for (let round = 0; round < 3; round++) await watch.round()
  assert.equal(
    watch.notices.map(({ urgent }) => urgent),
    [false],
  )
  watch.service.put('autoscaling/target-lifecycle-state', 'Terminated')
  await watch.round()
  assert.equal(
    watch.notices.map(({ urgent }) => urgent),
    [false, true],
  )
})

test('a notice is seen although another path does not answer', async () => {
  await using watch = await startWatch()
  watch.service.fail(500, 'events/recommendations/rebalance')
  await watch.round()
  assert.equal(watch.notices, [])
  watch.service.put('spot/instance-action', '{"action":"terminate"}')
  await watch.round()
  assert.is(watch.notices.length, 1)
})

test('what does not answer is warned of, also after a warning', async () => {
  await using watch = await startWatch()
  watch.service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
  await watch.round()
  watch.service.fail(500, 'spot/instance-action')
  for (let round = 0; round < 2; round++) await watch.round()
  assert.equal(levels(watch.lines), ['warn'])
  watch.service.fail(null)
  await watch.round()
  assert.equal(levels(watch.lines), ['warn', 'info'])
  assert.is(watch.notices.length, 1)
})

test('metadata that does not answer is warned of once, and asked again', async () => {
  await using watch = await startWatch()
  watch.service.fail(503)
  for (let round = 0; round < 3; round++) await watch.round()
  assert.equal(levels(watch.lines), ['warn'])
  watch.service.fail(null)
  await watch.round()
  assert.equal(levels(watch.lines), ['warn', 'info'])
  watch.service.put('autoscaling/target-lifecycle-state', 'Terminated')
  await watch.round()
  assert.is(watch.notices.length, 1)
})

/** A watch whose rounds are asked for one by one. */
async function startWatch() {
  const service = await startMetadata()
  const clock = createFakeClock()
  const lines: LoggedLine[] = []
  const notices: Interruption[] = []
  const parts = { metadata: createMetadata({ url: service.url }), log: createTestLog(lines), clock }
  const end = watchForInterruption({ ...parts, onInterruption: (notice) => void notices.push(notice) })
  const settled = () => until('the round is over', () => clock.pending() === 1 || notices.some(({ urgent }) => urgent))
  await settled()
  return {
    service,
    clock,
    lines,
    notices,
    async round() {
      await clock.advance(5000)
      await settled()
    },
    async [Symbol.asyncDispose]() {
      await end()
      assert.is(clock.pending(), 0)
      await service[Symbol.asyncDispose]()
    },
  }
}

const levels = (lines: readonly { level: string }[]): string[] => lines.map(({ level }) => level)

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const [result] = await Promise.allSettled([promise])
  assert.is(result.status, 'rejected')
  if (result.status === 'rejected') assert.match(String((result.reason as Error).message), message)
}
