import * as assert from 'uvu/assert'
import { createMetadata } from '../../daemon/interruption/metadata.ts'
import { watchForInterruption, type Interruption } from '../../daemon/interruption/watch.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock } from '../helpers/fakes.ts'
import { startMetadata } from '../helpers/metadata.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('interruption')

test('reads metadata with a token, reuses it, and renews it when it has expired', async () => {
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

test('throws if the metadata service fails or does not respond, and keeps no token from a failure', async () => {
  await using service = await startMetadata()
  const metadata = createMetadata({ url: service.url })
  service.fail(403)
  await rejects(metadata.read('a'), /api\/token with HTTP 403\. Enable it/)
  service.fail(null)
  assert.is(await metadata.read('a'), null)
  service.fail(500)
  await rejects(metadata.read('a'), /meta-data\/a with HTTP 500/)
  await service[Symbol.asyncDispose]()
  await rejects(metadata.read('a'), /no response from the instance metadata/)
})

const cases: readonly [path: string, text: string, what: string | null][] = [
  ['spot/instance-action', '{"action":"terminate","time":"2026-01-01T00:00:00Z"}', 'spot_interruption'],
  ['events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}', 'rebalance_recommendation'],
  ['autoscaling/target-lifecycle-state', 'Terminated', 'autoscaling_termination'],
  ['autoscaling/target-lifecycle-state', 'Warmed:Stopped', 'autoscaling_termination'],
  ['autoscaling/target-lifecycle-state', 'InService', null],
  ['autoscaling/target-lifecycle-state', 'Standby', null],
  ['autoscaling/target-lifecycle-state', 'Warmed:Running', null],
]

for (const [path, text, what] of cases)
  test(`${path}: ${text} is reported as ${what ?? 'nothing'}`, async () => {
    await using watch = await startWatch()
    watch.service.put(path, text)
    await watch.round()
    await watch.round()
    assert.is(watch.interruptions.length, what === null ? 0 : 1)
    if (what !== null) assert.is(watch.interruptions[0]?.what, what)
  })

test('reports an interruption once, and stops checking', async () => {
  await using watch = await startWatch()
  await watch.round()
  await watch.round()
  assert.equal(watch.interruptions, [])
  watch.service.put('spot/instance-action', '{"action":"stop"}')
  await watch.round()
  await until('the interruption is reported', () => watch.interruptions.length === 1)
  const requests = watch.service.requests.length
  await watch.clock.advance(60_000)
  assert.is(watch.service.requests.length, requests)
})

test('reports a warning once, and then an urgent interruption', async () => {
  await using watch = await startWatch()
  watch.service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
  for (let round = 0; round < 3; round++) await watch.round()
  assert.equal(
    watch.interruptions.map(({ urgent }) => urgent),
    [false],
  )
  watch.service.put('autoscaling/target-lifecycle-state', 'Terminated')
  await watch.round()
  assert.equal(
    watch.interruptions.map(({ urgent }) => urgent),
    [false, true],
  )
})

test('reports an interruption although another path cannot be read', async () => {
  await using watch = await startWatch()
  watch.service.fail(500, 'events/recommendations/rebalance')
  await watch.round()
  assert.equal(watch.interruptions, [])
  watch.service.put('spot/instance-action', '{"action":"terminate"}')
  await watch.round()
  assert.is(watch.interruptions.length, 1)
})

test('logs a path that cannot be read, also after a warning', async () => {
  await using watch = await startWatch()
  watch.service.put('events/recommendations/rebalance', '{"noticeTime":"2026-01-01T00:00:00Z"}')
  await watch.round()
  watch.service.fail(500, 'spot/instance-action')
  for (let round = 0; round < 2; round++) await watch.round()
  assert.equal(levels(watch.lines), ['warn'])
  watch.service.fail(null)
  await watch.round()
  assert.equal(levels(watch.lines), ['warn', 'info'])
  assert.is(watch.interruptions.length, 1)
})

test('logs one warning while the metadata service does not respond, and tries again', async () => {
  await using watch = await startWatch()
  watch.service.fail(503)
  for (let round = 0; round < 3; round++) await watch.round()
  assert.equal(levels(watch.lines), ['warn'])
  watch.service.fail(null)
  await watch.round()
  assert.equal(levels(watch.lines), ['warn', 'info'])
  watch.service.put('autoscaling/target-lifecycle-state', 'Terminated')
  await watch.round()
  assert.is(watch.interruptions.length, 1)
})

/** Starts a watch on a fake clock; each call of `round` runs one check. */
async function startWatch() {
  const service = await startMetadata()
  const clock = createFakeClock()
  const lines: LoggedLine[] = []
  const interruptions: Interruption[] = []
  const deps = { metadata: createMetadata({ url: service.url }), log: createTestLog(lines), clock }
  const end = watchForInterruption({
    ...deps,
    onInterruption: (interruption) => void interruptions.push(interruption),
  })
  const isSettled = () => clock.pending() === 1 || interruptions.some(({ urgent }) => urgent)
  const settled = () => until('the round has finished', isSettled)
  await settled()
  return {
    service,
    clock,
    lines,
    interruptions,
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
