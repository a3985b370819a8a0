import * as assert from 'uvu/assert'
import { noteCode } from '../helpers/fleet.ts'
import { isAlive } from '../helpers/liveness.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { gateCode } from '../helpers/gate.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { assertCount, countLostLeases, shortLease, toJobConfig } from './setup.ts'

const row = runInParallel(suite('plugin faults', { timeoutSeconds: ROW_SECONDS }))

/** Does `act` in each attempt up to the `last`th, and returns; nothing comes after it until the gate is open. */
const badly = (act: string, last = 1) => ({
  code: `${gateCode + noteCode}
const bad = definePlugin('bad', z.object({}), () => ({
  run({ job }) {
    if (job.attempt <= ${last}) ${act}
  },
}))`,
  chain: '[bad(), gate(), note(), upload()]',
})

const stray: [string, string, string][] = [
  ['throws when it has returned', `setTimeout(() => { throw new Error('a stray error') }, 200)`, 'a stray error'],
  ['forgets a promise that rejects', `void Promise.reject(new Error('nobody waits'))`, 'nobody waits'],
]

for (const [n, [what, act, message]] of stray.entries()) {
  const add = n === 0 ? row : row.exhaustive
  add(`P16: a plugin that ${what}: the attempt fails, the daemon gives its jobs back and ends with 1`, async () => {
    await using bench = await startBench(badly(act))
    const { daemon } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    assert.is(await daemon.ended, 1)
    await bench.openGate()
    const said = daemon.entries.filter(({ event, text }) => event === 'daemon.crashed' && text.includes(message))
    assert.ok(said.length > 0, 'its log says why')
    assert.is((await bench.document('origin_a.mp4'))?.state, 'failed', 'nobody has to wait for the lease')
    await bench.start()
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    const document = await bench.document('origin_a.mp4')
    assert.equal(
      document?.history.map(({ error }) => error.code),
      ['internal.crashed'],
    )
    assert.match(document?.history[0]?.error.message ?? '', message)
  })
}

row('P16: a plugin that ends the process with 0: no success, neither of the daemon nor of the job', async () => {
  await using bench = await startBench({ ...badly('process.exit(0)'), more: shortLease })
  const { daemon } = bench.first
  await bench.upload('origin_a.mp4', await tinyVideo())
  assert.is(await daemon.ended, 1)
  assert.ok(daemon.entries.some(({ level, event }) => level === 'error' && event === 'process.exited'))
  await bench.openGate()
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assertCount(bench, (await bench.document('origin_a.mp4'))?.attempt, { wanted: 2 })
})

row(
  'Q21: a job that kills every daemon is counted before it starts, and buried when its attempts are used up',
  async () => {
    const more = toJobConfig({ leaseSeconds: 6, attempts: 3 })
    await using bench = await startBench({ ...badly(`process.kill(process.pid, 'SIGKILL')`, 99), more })
    await bench.upload('origin_a.mp4', await tinyVideo())
    const isBuried = async () => (await bench.document('origin_a.mp4'))?.state === 'dead'
    let deaths = 0
    while (!(await isBuried())) {
      const { daemon } = bench.members.at(-1) ?? bench.first
      await until('the job kills its daemon, or is buried', async () => !isAlive(daemon.pid) || (await isBuried()))
      if (isAlive(daemon.pid)) continue
      assert.is(await daemon.ended, 'SIGKILL')
      deaths++
      await bench.start()
    }
    await bench.waitUntilIdle()
    await bench.checkInvariants({ dead: ['origin_a.mp4'] })
    const document = await bench.document('origin_a.mp4')
    assert.equal([document?.error?.code, document?.attempt], ['internal.crashed', 3])
    // an attempt that lost its lease before it came to the plugin killed nobody
    assert.ok(deaths <= 3 && deaths + countLostLeases(bench) >= 3, `${deaths} deaths`)
  },
)
