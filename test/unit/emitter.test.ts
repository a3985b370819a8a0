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

test('every listener gets every event, at once and in the order of registration', () => {
  const { emit, on } = prepare()
  const got: [string, DaemonEvent][] = []
  on((event) => got.push(['a', event]))
  on((event) => got.push(['b', event]))
  emit(started)
  assert.equal(got, [
    ['a', started],
    ['b', started],
  ])
})

test('a listener of some types gets no others', () => {
  const { emit, on } = prepare()
  const queues: string[] = []
  on(({ queue }) => queues.push(queue), ['circuit:reset', 'circuit:tripped'])
  emit(started)
  emit(reset)
  assert.equal(queues, ['work'])
})

test('a removed listener gets nothing more, and removing it twice changes nothing', () => {
  const { emit, on } = prepare()
  const got: string[] = []
  const remove = on(() => got.push('removed'))
  on(() => got.push('stays'))
  remove()
  remove()
  emit(started)
  assert.equal(got, ['stays'])
})

test('one function can listen twice, and each registration is removed by itself', () => {
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

test('listeners can come and go while an event is delivered', () => {
  const { emit, on } = prepare()
  const got: string[] = []
  on(() => {
    removeLater()
    on(() => got.push('new'))
  })
  const removeLater = on(() => got.push('removed meanwhile'))
  emit(started)
  assert.equal(got, [])
  emit(started)
  assert.equal(got, ['new'])
})

test('a listener that throws or rejects is logged once per failure, and stops no other', async () => {
  const { emit, on, logged } = prepare()
  const got: string[] = []
  on(() => {
    throw new Error('at once')
  })
  on(async () => Promise.reject(new Error('later')))
  on(({ type }) => got.push(type))
  emit(started)
  assert.equal(got, ['daemon:started'])
  await turn()
  assert.equal(
    logged.map(({ level, event, type, error }) => [level, event, type, (error as Error).message]),
    [
      ['error', 'listener.failed', 'daemon:started', 'at once'],
      ['error', 'listener.failed', 'daemon:started', 'later'],
    ],
  )
})

test('a listener that never answers holds up nobody', () => {
  const { emit, on, logged } = prepare()
  let count = 0
  on(() => new Promise(() => undefined))
  on(() => count++)
  emit(started)
  emit(started)
  assert.equal([count, logged], [2, []])
})
