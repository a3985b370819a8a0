import * as assert from 'uvu/assert'
import type { Config } from '../../daemon/config/config.ts'
import { createChecks } from '../../daemon/lifecycle/checks.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createTestLog } from '../helpers/context.ts'
import { createFakeQueues, createFakeStorage } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'

const url = 'https://sqs.eu-central-1.amazonaws.com/1/jobs'

/** Runs the checks of the queues at these URLs. Returns the error of each, or null. */
async function check(urls: Record<'work' | 'inProgress' | 'dead', string>) {
  const queues = Object.fromEntries(Object.entries(urls).map(([name, one]) => [name, { url: one }]))
  const checks = createChecks({
    config: { queues, routes: [] } as unknown as Config,
    openPrograms: () => Promise.reject(new Error('not part of this test')),
    storage: createFakeStorage(),
    queues: createFakeQueues(),
    log: createTestLog(),
  })
  const results = checks
    .filter(({ name }) => name.startsWith('queue '))
    .map((one) =>
      one
        .run(() => undefined)
        .then(
          () => null,
          (error: unknown) => error,
        ),
    )
  return await Promise.all(results)
}

const test = suite('checks of the queues')

test('accepts standard queues', async () => {
  assert.equal(await check({ work: url, inProgress: url, dead: `${url}/fifo` }), [null, null, null])
})

test('rejects FIFO queues with the reason', async () => {
  const fifo = `${url}.fifo`
  for (const error of await check({ work: fifo, inProgress: `${fifo}/`, dead: fifo })) {
    if (!(error instanceof MediadError)) throw new Error('the check passed')
    assert.is(error.code, 'config.queue')
    assert.match(error.message, /jobs\.fifo\/? is a FIFO queue: S3 sends no notifications to FIFO queues/)
  }
})
