import * as assert from 'uvu/assert'
import { createEmitter } from '../../daemon/vocabulary/emitter.ts'
import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import { createTestLog, type LoggedLine } from '../helpers/context.ts'
import { turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const started: DaemonEvent = { type: 'daemon:started', owner: 'host-1' }
const reset: DaemonEvent = { type: 'circuit:reset', queue: 'work' }

function prepare() {
  const logged: LoggedLine[] = []
  return { ...createEmitter(createTestLog(logged)), logged }
}

const test = suite('emitter')

test('calls every listener with every event, synchronously and in the order of registration', () => {
  const { emit, on } = prepare()
  const received: [string, DaemonEvent][] = []
  on((event) => received.push(['a', event]))
  on((event) => received.push(['b', event]))
  emit(started)
  assert.equal(received, [
    ['a', started],
    ['b', started],
  ])
})

test('calls a listener of some types for those types only', () => {
  const { emit, on } = prepare()
  const queues: string[] = []
  on(({ queue }) => queues.push(queue), ['circuit:reset', 'circuit:tripped'])
  emit(started)
  emit(reset)
  assert.equal(queues, ['work'])
})

test('does not call a removed listener; removing it twice has no effect', () => {
  const { emit, on } = prepare()
  const received: string[] = []
  const remove = on(() => received.push('removed'))
  on(() => received.push('stays'))
  remove()
  remove()
  emit(started)
  assert.equal(received, ['stays'])
})

test('registers one function twice, and removes each registration separately', () => {
  const { emit, on } = prepare()
  let count = 0
  const listener = () => count++
  const remove = on(listener)
  on(listener)
  emit(started)
  remove()
  emit(started)
  assert.is(count, 3)
})

test('allows listeners to be added and removed while an event is delivered', () => {
  const { emit, on } = prepare()
  const received: string[] = []
  on(() => {
    removeLater()
    on(() => received.push('new'))
  })
  const removeLater = on(() => received.push('removed meanwhile'))
  emit(started)
  assert.equal(received, [])
  emit(started)
  assert.equal(received, ['new'])
})

test('logs each failure of a listener that throws or rejects, and calls the others', async () => {
  const { emit, on, logged } = prepare()
  const received: string[] = []
  on(() => {
    throw new Error('at once')
  })
  on(async () => Promise.reject(new Error('later')))
  on(({ type }) => received.push(type))
  emit(started)
  assert.equal(received, ['daemon:started'])
  await turn()
  assert.equal(
    logged.map(({ level, event, type, error }) => [level, event, type, (error as Error).message]),
    [
      ['error', 'listener.failed', 'daemon:started', 'at once'],
      ['error', 'listener.failed', 'daemon:started', 'later'],
    ],
  )
})

test('does not wait for a listener whose promise never settles', () => {
  const { emit, on, logged } = prepare()
  let count = 0
  on(() => new Promise(() => undefined))
  on(() => count++)
  emit(started)
  emit(started)
  assert.equal([count, logged], [2, []])
})
