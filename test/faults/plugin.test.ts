import * as assert from 'uvu/assert'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { besides } from './rows.ts'
import { hasty } from './scene.ts'

const row = besides(suite('plugin faults', { timeoutSeconds: 150 }))

/** Does `act` in each attempt up to the `last`th, and returns; the plugin after it gives it the time to take effect. */
const badly = (act: string, last = 1) => ({
  code: `${noteCode}
const bad = definePlugin('bad', z.object({}), () => ({
  run({ job }) {
    if (job.attempt <= ${last}) ${act}
  },
}))`,
  chain: '[bad(), note({ pause: 2 }), upload()]',
})

const stray: [string, string, string][] = [
  ['throws when it has returned', `setTimeout(() => { throw new Error('a stray error') }, 200)`, 'a stray error'],
  ['forgets a promise that rejects', `void Promise.reject(new Error('nobody waits'))`, 'nobody waits'],
]

for (const [what, act, message] of stray) {
  row(`P16: a plugin that ${what}: the attempt fails, the daemon gives its jobs back and ends with 1`, async () => {
    await using bench = await startBench(badly(act))
    const { daemon } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    assert.is(await daemon.ended, 1)
    const said = daemon.entries.filter(({ level, text }) => level === 'error' && text.includes(message))
    assert.ok(said.length > 0, 'its log says why')
    assert.is((await bench.document('origin_a.mp4'))?.state, 'failed', 'nobody has to wait for the lease')
    await bench.start()
    await bench.quiescence()
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
  await using bench = await startBench({ ...badly('process.exit(0)'), more: hasty })
  const { daemon } = bench.first
  await bench.upload('origin_a.mp4', await tinyVideo())
  assert.is(await daemon.ended, 1)
  assert.ok(daemon.entries.some(({ level, msg }) => level === 'error' && msg?.includes('ended from within')))
  await bench.start()
  await bench.quiescence()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 2)
})

row(
  'Q21: a job that kills every daemon is counted before it starts, and buried when its attempts are used up',
  async () => {
    await using bench = await startBench({ ...badly(`process.kill(process.pid, 'SIGKILL')`, 99), more: hasty })
    await bench.upload('origin_a.mp4', await tinyVideo())
    for (const attempt of [1, 2, 3]) {
      const { daemon } = bench.members.at(-1) ?? bench.first
      assert.is(await daemon.ended, 'SIGKILL')
      assert.is((await bench.document('origin_a.mp4'))?.attempt, attempt)
      await bench.start()
    }
    await until('it is buried', async () => (await bench.document('origin_a.mp4'))?.state === 'dead', 60)
    await bench.quiescence()
    await bench.checkInvariants({ dead: ['origin_a.mp4'] })
    const document = await bench.document('origin_a.mp4')
    assert.is(document?.error?.code, 'internal.crashed')
  },
)
