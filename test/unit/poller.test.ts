import * as assert from 'uvu/assert'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Message } from '../../daemon/queue/queue.ts'
import { createPoller, type PollerDeps } from '../../daemon/schedule/poller.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { turn } from '../helpers/fakes.ts'
import { createHandler, createPolledQueue } from '../helpers/polled.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const EVERY_SECOND = '* * * * * *'
/** No tick occurs during a test: everything is caused by the start and by slots that become free. */
const NEVER = '0 0 0 29 2 *'

function prepare({ secondMs = 50, ...deps }: Partial<PollerDeps> & { secondMs?: number } = {}) {
  const queue = createPolledQueue({ secondMs })
  const handler = createHandler()
  const logged: LoggedLine[] = []
  const events: DaemonEvent[] = []
  const poller = createPoller({
    name: 'work',
    queue,
    poll: NEVER,
    concurrency: 2,
    batch: 1,
    longPollSeconds: 1,
    visibilitySeconds: 30,
    handle: handler.handle,
    emit: (event) => void events.push(event),
    log: createTestLog(logged),
    ...deps,
  })
  return { queue, handler, logged, events, poller }
}

/** Waits until a value reaches `count`; returns the value and the elapsed seconds. */
async function countTo(count: number, read: () => number): Promise<[reached: number, seconds: number]> {
  const start = performance.now()
  await until(`the value reaches ${count}`, () => read() >= count)
  return [read(), (performance.now() - start) / 1000]
}

const test = runInParallel(suite('poller'))

test('handles a message on the queue at the start, and a later one after a tick', async () => {
  const { queue, handler, poller } = prepare({
    poll: EVERY_SECOND,
    handle: async ({ body }) => void handler.handled.push(body),
  })
  queue.add('a')
  poller.start()
  await until('a is handled', () => handler.handled.includes('a'))
  await until('a second request', () => queue.requests.length >= 3)
  queue.add('b')
  await until('b is handled', () => handler.handled.includes('b'))
  await poller.stop()
  assert.equal(handler.handled, ['a', 'b'])
})

test('sends one request at a time, for no more messages than it has free slots', async () => {
  const { queue, handler, poller } = prepare({ poll: EVERY_SECOND, concurrency: 3 })
  queue.add(...Array.from({ length: 20 }, (_, index) => `m${index}`))
  poller.start()
  for (let n = 0; n < 20; n++) {
    await until(`m${n} is in hand`, () => handler.open.has(`m${n}`))
    assert.ok(handler.open.size <= 3)
    handler.finish(`m${n}`)
  }
  await poller.stop()
  await poller.whenIdle()
  assert.equal([queue.state.mostOpen, handler.most(), handler.handled.length], [1, 3, 20])
  for (const { max, waitSeconds, visibilitySeconds } of queue.requests) {
    assert.ok(max >= 1 && max <= 3)
    assert.equal([waitSeconds, visibilitySeconds], [1, 30])
  }
})

test('a slot that becomes free takes the next message without waiting for a tick', async () => {
  const { queue, handler, poller } = prepare({ concurrency: 1 })
  queue.add('a', 'b', 'c')
  poller.start()
  for (const body of ['a', 'b', 'c']) {
    await until(`${body} is in hand`, () => handler.open.has(body))
    handler.finish(body)
  }
  await poller.stop()
})

for (const turns of [0, 1, 3]) {
  test(`uses every slot again, however fast a message is handled: ${turns} turns of the microtask queue`, async () => {
    const handled: string[] = []
    const handle = async ({ body }: Message) => {
      for (let n = 0; n < turns; n++) await Promise.resolve()
      handled.push(body)
    }
    const { queue, poller } = prepare({ concurrency: 1, handle })
    queue.add(...Array.from({ length: 10 }, (_, index) => `m${index}`))
    poller.start()
    await until('all ten are handled', () => handled.length === 10).finally(() => poller.stop())
  })
}

test('a slot that becomes free during a request gets a message after it, not after a tick', async () => {
  const { queue, handler, poller } = prepare({ concurrency: 2, secondMs: 1000 })
  queue.add('a')
  poller.start()
  await until('a is in hand', () => handler.open.has('a'))
  await until('the other slot polls', () => queue.state.open === 1)
  handler.finish('a')
  await turn()
  queue.add('b', 'c')
  await until('both are in hand', () => handler.open.has('b') && handler.open.has('c'))
  for (const body of ['b', 'c']) handler.finish(body)
  await poller.stop()
})

test('the request after the current one includes a slot that has become free', async () => {
  const { queue, handler, poller } = prepare({ concurrency: 2, secondMs: 500 })
  queue.add('a')
  poller.start()
  await until('a is in hand', () => handler.open.has('a'))
  await until('the other slot polls', () => queue.state.open === 1)
  handler.finish('a')
  await until('both slots poll', () => queue.requests.at(-1)?.max === 2)
  await poller.stop()
})

test('an idle poller sends no more than one request per tick', async () => {
  const { queue, poller } = prepare({ poll: EVERY_SECOND, secondMs: 1000 })
  poller.start()
  const [requests, seconds] = await countTo(4, () => queue.requests.length)
  await poller.stop()
  assert.ok(requests <= seconds + 2, `${requests} requests in ${seconds} s`)
})

test('does not poll in a hot loop if the queue returns empty responses immediately', async () => {
  const { queue, poller } = prepare({ poll: EVERY_SECOND })
  let requests = 0
  queue.receive = async () => {
    requests++
    await turn()
    return []
  }
  poller.start()
  const [sent, seconds] = await countTo(4, () => requests)
  await poller.stop()
  assert.ok(sent <= seconds + 2, `${sent} requests in ${seconds} s`)
})

test('returns messages that arrive after the stop immediately, without handling them', async () => {
  const { queue, handler, poller } = prepare({ longPollSeconds: 20, secondMs: 1000 })
  poller.start()
  await until('it polls', () => queue.state.open === 1)
  const stopped = poller.stop()
  await turn()
  queue.add('a', 'b')
  await stopped
  await poller.whenIdle()
  assert.equal(queue.hidden, [
    { id: 'a', seconds: 0 },
    { id: 'b', seconds: 0 },
  ])
  assert.equal([handler.handled, queue.requests.length], [[], 1])
})

test('stop() does not wait for handlers, whenIdle() does, and nothing is received in between', async () => {
  const { queue, handler, poller } = prepare({ poll: EVERY_SECOND })
  queue.add('a')
  poller.start()
  await until('a is in hand', () => handler.open.has('a'))
  await poller.stop()
  queue.add('b')
  let idle = false
  const whenIdle = poller.whenIdle().then(() => (idle = true))
  await turn()
  assert.not.ok(idle)
  handler.finish('a')
  await whenIdle
  assert.equal(handler.handled, ['a'])
})

test('handles a batch in sequence, and returns the rest of it after the stop', async () => {
  const { queue, handler, poller } = prepare({ batch: 10, concurrency: 1 })
  queue.add('a', 'b', 'c')
  poller.start()
  await until('a is in hand', () => handler.open.has('a'))
  assert.equal([queue.requests[0]?.max, handler.open.size], [10, 1])
  handler.finish('a')
  await until('b is in hand', () => handler.open.has('b'))
  await poller.stop()
  handler.finish('b')
  await poller.whenIdle()
  assert.equal(queue.hidden, [{ id: 'c', seconds: 0 }])
})

test('releases the slot of a handler that throws', async () => {
  const handled: string[] = []
  const handle = async ({ body }: Message) => {
    handled.push(body)
    await turn()
    throw new Error('boom')
  }
  const { queue, poller, logged } = prepare({ concurrency: 1, handle })
  queue.add('a', 'b', 'c')
  poller.start()
  await until('all are handled', () => handled.length === 3)
  await poller.stop()
  await poller.whenIdle()
  assert.is(logged.filter(({ level }) => level === 'error').length, 3)
})

test('reports a problem until the queue responds, then handles its messages without a tick', async () => {
  const { queue, handler, poller } = prepare({ concurrency: 1 })
  queue.failures.push(new MediadError('transient.queue', 'no response'))
  queue.add('a')
  poller.start()
  await until('it has a problem', () => poller.problem() === 'no response')
  await until('a is in hand', () => handler.open.has('a'))
  assert.is(poller.problem(), null)
  handler.finish('a')
  await poller.stop()
})

test('a poller that was never started can be stopped', async () => {
  const { poller } = prepare()
  await poller.stop()
  await poller.whenIdle()
})

test('with an admission, receives no message above the level, and the next one when the level rises', async () => {
  let level = 1
  const rises: (() => void)[] = []
  const admission: PollerDeps['admission'] = {
    level: () => level,
    begin: () => () => {},
    start: (onRise) => void rises.push(onRise),
    stop: async () => {},
  }
  const { queue, handler, poller } = prepare({ concurrency: 8, admission })
  queue.add('a', 'b', 'c')
  poller.start()
  await until('a is in hand', () => handler.open.has('a'))
  await turn()
  assert.equal([handler.open.size, queue.requests.map(({ max }) => max)], [1, [1]])
  level = 3
  rises[0]?.()
  await until('the others are in hand', () => handler.open.size === 3)
  level = 1
  queue.add('d')
  handler.finish('a')
  handler.finish('b')
  await turn()
  assert.is(handler.open.size, 1)
  handler.finish('c')
  await until('d is in hand', () => handler.open.has('d'))
  handler.finish('d')
  await poller.stop()
})
