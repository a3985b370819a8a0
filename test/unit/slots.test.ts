import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { createSlots, type Permit } from '../../daemon/schedule/slots.ts'
import { turn } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('slots')

test('returns as many permits as there are free slots, up to the requested number', () => {
  const slots = createSlots(3)
  assert.is(slots.take(0).length, 0)
  assert.is(slots.take(2).length, 2)
  assert.is(slots.take(10).length, 1)
  assert.is(slots.take(1).length, 0)
})

test('frees a slot once, however often its permit is released', () => {
  const slots = createSlots(2)
  const [permit] = slots.take(2)
  permit?.release()
  permit?.release()
  permit?.release()
  assert.is(slots.take(2).length, 1)
})

test('an old permit does not release the slot of a new one', () => {
  const slots = createSlots(1)
  const [old] = slots.take(1)
  old?.release()
  assert.is(slots.take(1).length, 1)
  old?.release()
  assert.is(slots.take(1).length, 0)
})

test('the gauge counts slots in use, not slots that are only held', () => {
  const slots = createSlots(3)
  const [first, second] = slots.take(3)
  assert.equal(slots.gauge(), { used: 0, free: 3, capacity: 3, max: 3 })
  first?.use()
  first?.use()
  second?.use()
  assert.equal(slots.gauge(), { used: 2, free: 1, capacity: 3, max: 3 })
  first?.release()
  first?.release()
  first?.use()
  assert.equal(slots.gauge(), { used: 1, free: 2, capacity: 3, max: 3 })
  second?.release()
  assert.equal(slots.gauge(), { used: 0, free: 3, capacity: 3, max: 3 })
})

/** Returns a function that checks for idleness without waiting. */
function watchIdle(slots: ReturnType<typeof createSlots>): () => boolean {
  let idle = false
  void slots.whenIdle().then(() => (idle = true))
  return () => idle
}

test('is idle immediately if nothing was taken', async () => {
  const slots = createSlots(4)
  await slots.whenIdle()
  assert.is(slots.take(9).length, 4)
})

test('is idle once the last permit is released, for every waiting caller', async () => {
  const slots = createSlots(3)
  const [a, b] = slots.take(2)
  const idle = [watchIdle(slots), watchIdle(slots)]
  a?.release()
  await turn()
  assert.equal(
    idle.map((is) => is()),
    [false, false],
  )
  b?.release()
  await turn()
  assert.equal(
    idle.map((is) => is()),
    [true, true],
  )
  await slots.whenIdle()
  assert.is(slots.take(9).length, 3, 'waiting kept no slot')
})

test('slots can be taken while a caller waits for idleness', async () => {
  const slots = createSlots(2)
  const [a] = slots.take(1)
  const idle = watchIdle(slots)
  const [b] = slots.take(1)
  assert.ok(b)
  a?.release()
  await turn()
  assert.not.ok(idle())
  b?.release()
  await turn()
  assert.ok(idle())
})

test('counts correctly for any order of take and release', async () => {
  const steps = fc.array(fc.record({ take: fc.nat({ max: 5 }), release: fc.nat({ max: 9 }), wait: fc.boolean() }))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (capacity, steps) => {
      const slots = createSlots(capacity)
      const all: Permit[] = []
      const held = new Set<Permit>()
      for (const { take, release, wait } of steps) {
        const taken = slots.take(take)
        assert.is(taken.length, Math.min(take, capacity - held.size))
        for (const permit of taken) held.add(permit)
        all.push(...taken)
        const permit = all[release % Math.max(1, all.length)]
        permit?.release()
        if (permit) held.delete(permit)
        if (wait) await turn()
      }
      for (const permit of all) permit.release()
      await slots.whenIdle()
      assert.is(slots.take(99).length, capacity)
    }),
  )
})

/** An admission whose level the test sets. */
function createLevel(level: number) {
  const counts = { begun: 0, ended: 0 }
  const begin = () => {
    counts.begun++
    return () => void counts.ended++
  }
  const of = { level, counts, admission: { level: () => of.level, begin } }
  return of
}

test('holds no more slots than the level, and keeps those that are held when it falls', () => {
  const levels = createLevel(2)
  const slots = createSlots(8, levels.admission)
  const held = slots.take(9)
  assert.is(held.length, 2)
  levels.level = 1
  held[0]?.release()
  assert.is(slots.take(9).length, 0)
  held[1]?.release()
  assert.is(slots.take(9).length, 1)
  levels.level = 99
  assert.is(slots.take(99).length, 7)
})

test('the capacity of the gauge is the level, or the number of used slots while it is higher', () => {
  const levels = createLevel(3)
  const slots = createSlots(8, levels.admission)
  const [first, second] = slots.take(2)
  first?.use()
  second?.use()
  assert.equal(slots.gauge(), { used: 2, free: 1, capacity: 3, max: 8 })
  levels.level = 1
  assert.equal(slots.gauge(), { used: 2, free: 0, capacity: 2, max: 8 })
})

test('tells the admission when a slot gets a message, and when it is released', () => {
  const { admission, counts } = createLevel(2)
  const slots = createSlots(8, admission)
  const [used, unused] = slots.take(2)
  used?.use()
  assert.equal(counts, { begun: 1, ended: 0 })
  unused?.release()
  used?.release()
  used?.release()
  assert.equal(counts, { begun: 1, ended: 1 })
})
