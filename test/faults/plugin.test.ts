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
const rest = row.exhaustive

/** Returns a config whose first plugin runs the code `act` in the attempts up to `last`. The next plugin waits at the gate. */
const toFaultyPlugin = (act: string, last = 1) => ({
  code: `${gateCode + noteCode}
const bad = definePlugin('bad', z.object({}), () => ({
  run({ job }) {
    if (job.attempt <= ${last}) ${act}
  },
}))`,
  chain: '[bad(), gate(), note(), upload()]',
})

const unhandled: [string, string, string][] = [
  ['throws after it returned', `setTimeout(() => { throw new Error('thrown by a timer') }, 200)`, 'thrown by a timer'],
  ['ignores a promise that rejects', `void Promise.reject(new Error('ignored rejection'))`, 'ignored rejection'],
]

for (const [what, act, message] of unhandled) {
  rest(`P16: a plugin that ${what}: the attempt fails, the daemon releases its jobs and exits with 1`, async () => {
    await using bench = await startBench(toFaultyPlugin(act))
    const { daemon } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    assert.is(await daemon.ended, 1)
    await bench.openGate()
    const lines = daemon.entries.filter(({ event, text }) => event === 'daemon.crashed' && text.includes(message))
    assert.ok(lines.length > 0, 'its log has the error')
    assert.is(
      (await bench.document('origin_a.mp4'))?.state,
      'failed',
      'the job need not wait for its lease to go stale',
    )
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

row('P16: a plugin that exits the process with 0: neither the daemon nor the job succeeds', async () => {
  await using bench = await startBench({ ...toFaultyPlugin('process.exit(0)'), more: shortLease })
  const { daemon } = bench.first
  await bench.upload('origin_a.mp4', await tinyVideo())
  assert.is(await daemon.ended, 1)
  assert.ok(daemon.entries.some(({ level, event }) => level === 'error' && event === 'process.exited'))
  await bench.openGate()
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assertCount(bench, (await bench.document('origin_a.mp4'))?.attempt, { expected: 2 })
})

rest(
  'Q21: a job that kills every daemon: each attempt is counted before it starts, and the last one dead-letters the job',
  async () => {
    const more = toJobConfig({ leaseSeconds: 6, attempts: 3 })
    await using bench = await startBench({ ...toFaultyPlugin(`process.kill(process.pid, 'SIGKILL')`, 99), more })
    await bench.upload('origin_a.mp4', await tinyVideo())
    const isDead = async () => (await bench.document('origin_a.mp4'))?.state === 'dead'
    let deaths = 0
    while (!(await isDead())) {
      const { daemon } = bench.members.at(-1) ?? bench.first
      await until('the job kills its daemon, or is dead', async () => !isAlive(daemon.pid) || (await isDead()))
      if (isAlive(daemon.pid)) continue
      assert.is(await daemon.ended, 'SIGKILL')
      deaths++
      await bench.start()
    }
    await bench.waitUntilIdle()
    await bench.checkInvariants({ dead: ['origin_a.mp4'] })
    const document = await bench.document('origin_a.mp4')
    assert.equal([document?.error?.code, document?.attempt], ['internal.crashed', 3])
    // an attempt that lost its lease before the plugin ran did not kill its daemon
    assert.ok(deaths <= 3 && deaths + countLostLeases(bench) >= 3, `${deaths} deaths`)
  },
)
