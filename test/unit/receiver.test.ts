import * as assert from 'uvu/assert'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Message, ReceiveOptions } from '../../daemon/queue/queue.ts'
import { createReceiver } from '../../daemon/schedule/receiver.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock, createFakeQueues, message } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const request = { max: 3, waitSeconds: 5 }
const unavailable = new MediadError('transient.queue', 'could not receive from q')

/** Creates a receiver whose queue returns or throws `responses` in order, then returns no messages. */
function prepare(...responses: (Message[] | Error)[]) {
  const clock = createFakeClock()
  const stop = new AbortController()
  const logged: LoggedLine[] = []
  const requests: ReceiveOptions[] = []
  const receive = async (options: ReceiveOptions) => {
    requests.push(options)
    const response = responses.shift() ?? []
    if (response instanceof Error) throw response
    return response
  }
  const queue = { ...createFakeQueues().work, receive }
  const events: DaemonEvent[] = []
  const deps = {
    name: 'work' as const,
    queue,
    visibilitySeconds: 30,
    clock,
    stop: stop.signal,
    emit: (event: DaemonEvent) => void events.push(event),
    log: createTestLog(logged),
  }
  return { ...createReceiver(deps), responses, clock, stop, logged, events, requests }
}

const test = suite('receiver')

test('sends one request and returns its messages', async () => {
  const { receive, requests, problem, events } = prepare([message('a'), message('b')])
  assert.equal(
    (await receive(request)).map(({ body }) => body),
    ['a', 'b'],
  )
  assert.equal(requests, [{ ...request, visibilitySeconds: 30 }])
  assert.is(problem(), null)
  assert.equal(events, [{ type: 'poll:finished', queue: 'work', messages: 2 }])
})

test('returns no messages after a failed request, after a pause', async () => {
  const { receive, clock, problem, logged, events } = prepare(unavailable)
  const received = receive(request)
  let returned = false
  void received.then(() => (returned = true))
  await clock.advance(999)
  assert.equal([returned, clock.pending()], [false, 1])
  assert.is(problem(), 'could not receive from q')
  await clock.advance(1)
  assert.equal(await received, [])
  assert.equal(
    events.map((event) => event.type === 'poll:failed' && [event.queue, event.error.code, event.retryInSeconds]),
    [['work', 'transient.queue', 1]],
  )
  assert.equal(
    logged.map(({ level }) => level),
    ['warn'],
  )
})

test('pauses longer with every failure, from 1 s to 30 s', async () => {
  const longest = { early: 0, late: 0 }
  for (let n = 0; n < 10; n++) {
    const { receive, clock } = prepare(...Array.from({ length: 15 }, () => unavailable))
    for (let failures = 1; failures <= 15; failures++) {
      const received = receive(request)
      const start = clock.now()
      let end = start
      void received.then(() => (end = clock.now()))
      await clock.advance(31_000)
      const seconds = (end - start) / 1000
      assert.ok(seconds >= 1 && seconds <= Math.min(30, 2 ** (failures - 1)), `${seconds} s after failure ${failures}`)
      const phase = failures <= 3 ? 'early' : 'late'
      longest[phase] = Math.max(longest[phase], seconds)
    }
  }
  assert.ok(longest.late > longest.early, JSON.stringify(longest))
})

test('logs the recovery once after a successful request, and starts with a short pause again', async () => {
  const { receive, clock, problem, logged, responses } = prepare(
    unavailable,
    unavailable,
    unavailable,
    unavailable,
    unavailable,
    unavailable,
  )
  for (let n = 0; n < 6; n++) {
    const received = receive(request)
    await clock.advance(31_000)
    await received
  }
  assert.type(problem(), 'string')
  await receive(request)
  assert.is(problem(), null)
  await receive(request)
  assert.is(logged.filter(({ level, event }) => level === 'info' && event === 'poll.recovered').length, 1)
  responses.push(unavailable)
  const received = receive(request)
  await clock.advance(1000)
  assert.equal(await received, [])
})

test('ends the pause when the daemon stops', async () => {
  const { receive, stop, clock } = prepare(unavailable)
  const received = receive(request)
  await clock.advance(0)
  stop.abort()
  assert.equal(await received, [])
  assert.is(clock.pending(), 0)
})
