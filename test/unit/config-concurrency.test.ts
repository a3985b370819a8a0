import * as assert from 'uvu/assert'
import { checkConfig } from '../../daemon/config/check.ts'
import { definePlugin, z } from '../../daemon/index.ts'
import { onlyIn } from '../helpers/config-problems.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('config: concurrency')

const minimal = {
  bucket: 'media',
  queues: {
    work: { url: 'http://q/1/work' },
    inProgress: { url: 'http://q/1/in-progress' },
    dead: { url: 'https://q/1/dead' },
  },
  plugins: [definePlugin('note', z.object({}), () => ({ run() {} }))()],
}
const only = onlyIn(minimal)

test('the number of jobs at once is a number, or adapts to the CPU use', () => {
  const adaptive = { max: 8, targetCpu: 0.7 }
  const withJobs = (concurrency: unknown) => ({
    queues: { ...minimal.queues, work: { ...minimal.queues.work, concurrency } },
  })
  assert.equal(checkConfig({ ...minimal, ...withJobs(adaptive) }).queues.work.concurrency, adaptive)
  const path = /^queues\.work\.concurrency/.source
  only(withJobs('2'), new RegExp(`${path}: must be an integer from 1 to 64, not "2", or must be an object`))
  only(withJobs({ ...adaptive, max: 65 }), new RegExp(`${path}\\.max: must be an integer from 1 to 64, not 65$`))
  only(withJobs({ max: 8 }), new RegExp(`${path}\\.targetCpu: must be a number from 0.1 to 1, not nothing$`))
  only(
    withJobs({ ...adaptive, targetCpu: 70 }),
    new RegExp(`${path}\\.targetCpu: must be a number from 0.1 to 1, not 70$`),
  )
  only(withJobs({ ...adaptive, target: 1 }), new RegExp(`${path}\\.target: unknown option; did you mean "targetCpu"`))
  const { work, inProgress, dead } = minimal.queues
  only(
    { queues: { work, inProgress: { ...inProgress, concurrency: adaptive }, dead } },
    /^queues\.inProgress\.concurrency: must be an integer from 1 to 64, not an object$/,
  )
})
