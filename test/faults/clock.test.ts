import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { gateCode } from '../helpers/gate.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { assertCount, shortLease } from './setup.ts'

const row = runInParallel(suite('clock faults', { timeoutSeconds: ROW_SECONDS }))

const preload = pathToFileURL(join(import.meta.dirname, '../helpers/shifted-clock.ts')).href

/** Returns the environment of a daemon whose wall clock is wrong by this many seconds. */
const toShiftedClockEnv = (seconds: number) => ({
  NODE_OPTIONS: `--import ${preload}`,
  MEDIAD_TEST_CLOCK_SECONDS: String(seconds),
})

for (const seconds of [600, -600]) {
  const add = seconds > 0 ? row : row.exhaustive
  add(
    `Q22: a clock ${seconds} s off: its daemon loses no lease and takes over no valid one, and nothing is done twice`,
    async () => {
      await using bench = await startBench({
        code: gateCode + noteCode,
        chain: '[gate(), note(), upload()]',
        more: shortLease,
      })
      const { daemon } = await bench.start(undefined, toShiftedClockEnv(seconds))
      const keys = ['a', 'b', 'c', 'd'].map((name) => `origin_${name}.mp4`)
      for (const key of keys) await bench.upload(key, await tinyVideo())
      await daemon.waitFor('job.started')
      const startedAt = performance.now()
      // two slots each: both daemons work for longer than a lease, and sweep the other's in-progress messages
      const checkCounts = bench.members.map(
        ({ proxy }) =>
          () =>
            proxy.calls.filter(({ name }) => name === 'GET document').length,
      )
      await until('each daemon has checked the jobs many times', () => checkCounts.every((count) => count() >= 12))
      await until('more than a lease has passed', () => performance.now() - startedAt > 8000)
      await bench.openGate()
      await bench.waitUntilIdle()
      await bench.checkInvariants()
      // a job is started again only after its owner lost the lease
      assertCount(bench, bench.countEvents('job.started'), { expected: keys.length })
      const { skewSeconds } = await daemon.waitFor('clock.skewed')
      assert.ok(Math.abs(Number(skewSeconds) - seconds) < 60, `it reports a skew of ${String(skewSeconds)} s`)
    },
  )

  row.exhaustive(
    `Q22: an upload URL of a daemon whose clock is ${seconds} s off is valid for its full lifetime`,
    async () => {
      await using bench = await startBench({ daemons: 0, code: noteCode, chain: '[note(), upload()]' })
      const { daemon } = await bench.start(undefined, toShiftedClockEnv(seconds))
      const response = await fetch(`${daemon.url}/video/pre-signed-url`, { method: 'POST' })
      const { preSignedUrl } = (await response.json()) as { preSignedUrl: string }
      const signed = new URL(preSignedUrl).searchParams.get('X-Amz-Date') ?? ''
      const signedAt = Date.parse(signed.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'))
      assert.ok(Math.abs(signedAt - Date.now()) < 60_000, `signed for ${signed}`)
      assert.is((await fetch(preSignedUrl, { method: 'PUT', body: await tinyVideo() })).status, 200)
    },
  )
}
