import * as assert from 'uvu/assert'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Message, ReceiveOptions } from '../../daemon/queue/queue.ts'
import { createReceiver } from '../../daemon/schedule/receiver.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { createFakeClock, createFakeQueues, message } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const request = { max: 3, waitSeconds: 5 }
const away = new MediadError('transient.queue', 'could not receive from q')

/** A receiver whose queue gives `answers`, one after the other, then nothing. */
function prepare(...answers: (Message[] | Error)[]) {
  const clock = createFakeClock()
  const stop = new AbortController()
  const logged: LoggedLine[] = []
  const asked: ReceiveOptions[] = []
  const receive = async (options: ReceiveOptions) => {
    asked.push(options)
    const answer = answers.shift() ?? []
    if (answer instanceof Error) throw answer
    return answer
  }
  const queue = { ...createFakeQueues().work, receive }
  const events: DaemonEvent[] = []
  const parts = {
    name: 'work' as const,
    queue,
    visibilitySeconds: 30,
    clock,
    stop: stop.signal,
    emit: (event: DaemonEvent) => void events.push(event),
    log: createTestLog(logged),
  }
  return { ...createReceiver(parts), answers, clock, stop, logged, events, asked }
}

const test = suite('receiver')

test('one request, and its messages', async () => {
  const { receive, asked, problem, events } = prepare([message('a'), message('b')])
  assert.equal(
    (await receive(request)).map(({ body }) => body),
    ['a', 'b'],
  )
  assert.equal(asked, [{ ...request, visibilitySeconds: 30 }])
  assert.is(problem(), null)
  assert.equal(events, [{ type: 'poll:finished', queue: 'work', messages: 2 }])
})

test('a failed request gives no messages, and pauses before it says so', async () => {
  const { receive, clock, problem, logged, events } = prepare(away)
  const received = receive(request)
  let over = false
  void received.then(() => (over = true))
  await clock.advance(999)
  assert.equal([over, clock.pending()], [false, 1])
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

test('the pause grows with every failure, to 30 s, and is never below a second', async () => {
  const longest = { early: 0, late: 0 }
  for (let n = 0; n < 10; n++) {
    const { receive, clock } = prepare(...Array.from({ length: 15 }, () => away))
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

test('a good answer ends the trouble: said once, and the next pause is short again', async () => {
  const { receive, clock, problem, logged, answers } = prepare(away, away, away, away, away, away)
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
  answers.push(away)
  const received = receive(request)
  await clock.advance(1000)
  assert.equal(await received, [])
})

test('stopping ends the pause', async () => {
  const { receive, stop, clock } = prepare(away)
  const received = receive(request)
  await clock.advance(0)
  stop.abort()
  assert.equal(await received, [])
  assert.is(clock.pending(), 0)
})
