import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { soak } from '../soak/soak.ts'

const test = suite('short soak', { timeoutSeconds: 560, exhaustive: true })

test('60 jobs, three daemons, half a minute of injected faults: nothing is lost', async () => {
  const report = await soak({ jobs: 60, daemons: 3, seconds: 30, seed: 7, print: () => undefined })
  assert.equal([report.jobs, report.succeeded], [60, 60])
  assert.ok(report.kills >= 1)
})
