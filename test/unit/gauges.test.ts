import * as assert from 'uvu/assert'
import { createGauges } from '../../daemon/lifecycle/gauges.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gauges')

const depth = { visible: 3, hidden: 2, delayed: 1, hasRedrive: false }
const slots = (used: number) => ({ gauge: () => ({ used, free: 2 - used, capacity: 2, max: 2 }) })
const pollers = { work: slots(1), sweep: slots(0) }
const answers = { depth: async () => depth }
const workspaces = { readUsage: async () => ({ bytes: 5, freeBytes: 9 }) }
const streams = { count: () => 4 }
const fails = { depth: async () => Promise.reject(new MediadError('transient.queue', 'no answer')) }

test('slots of both pollers, as they are right now', () => {
  const gauges = createGauges({
    pollers,
    queues: { work: answers, inProgress: answers, dead: answers },
    workspaces,
    streams,
  })
  assert.equal(gauges.slots(), {
    work: { used: 1, free: 1, capacity: 2, max: 2 },
    inProgress: { used: 0, free: 2, capacity: 2, max: 2 },
  })
})

test('the depth of each queue, and null for one that does not answer', async () => {
  const gauges = createGauges({
    pollers,
    queues: { work: answers, inProgress: fails, dead: answers },
    workspaces,
    streams,
  })
  assert.equal(await gauges.queues(), { work: depth, inProgress: null, dead: depth })
})

test('the space that workspaces take', async () => {
  const gauges = createGauges({
    pollers,
    queues: { work: answers, inProgress: answers, dead: answers },
    workspaces,
    streams,
  })
  assert.equal(await gauges.workspaces(), { bytes: 5, freeBytes: 9 })
})

test('the event streams that are open', () => {
  const gauges = createGauges({
    pollers,
    queues: { work: answers, inProgress: answers, dead: answers },
    workspaces,
    streams,
  })
  assert.is(gauges.streams(), 4)
})
