import * as assert from 'uvu/assert'
import { explainRefused } from '../../daemon/cli/operator/operate.ts'
import { describeStop } from '../../daemon/cli/stop-message.ts'
import { MediadError, toMessage } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('stop message')
const stop = { reason: 'SIGINT', jobs: 2, graceSeconds: 30, urgent: true }

test('a daemon that stops says how many jobs run, how long they can, and how to end it at once', () => {
  const start = 'daemon is stopping (SIGINT): it takes no more jobs'
  const end = 'can finish within 30 s. A second signal (Ctrl-C again) ends it at once'
  assert.is(describeStop(stop), `${start}, 2 jobs ${end}`)
  assert.is(describeStop({ ...stop, jobs: 1 }), `${start}, 1 job ${end}`)
  assert.is(describeStop({ ...stop, jobs: 0 }), `${start}, and none is running`)
  assert.match(describeStop({ ...stop, urgent: false }), '2 jobs can finish until 30 s after a signal or')
})

test('asks whether an embedded S3 that refuses connections still runs', () => {
  const refused = new MediadError('transient.storage', 'could not list (connect ECONNREFUSED 127.0.0.1:4)')
  assert.match(toMessage(explainRefused(refused)), /mediad start --local.*still run\?$/)
  assert.is((explainRefused(refused) as MediadError).code, 'transient.storage')
  for (const other of [new MediadError('transient.storage', 'ECONNREFUSED 10.0.0.1:4'), new Error('x')])
    assert.is(explainRefused(other), other)
})
