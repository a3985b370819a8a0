import * as assert from 'uvu/assert'
import { readFile } from 'node:fs/promises'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { getReadyStatus, type Member } from './setup.ts'
import { all } from './explore.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'

const row = runInParallel(suite('outages', { timeoutSeconds: all ? 2 * ROW_SECONDS : ROW_SECONDS }))

const OUTAGE_SECONDS = all ? 60 : 10

for (const service of ['s3', 'sqs'] as const) {
  const add = service === 's3' ? row : row.exhaustive
  add(
    `Q14: ${service} unavailable for ${OUTAGE_SECONDS} s: few requests, not ready, then all jobs finish`,
    async () => {
      await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]' })
      const { first } = bench
      await until('the daemon is ready', async () => (await getReadyStatus(first)) === 200)
      const startedAt = performance.now()
      const cpuBefore = await readCpuSeconds(first)
      const cut = first.proxy.cut((call) => call.service === service)
      for (const name of ['a', 'b', 'c']) await bench.upload(`origin_${name}.mp4`, await tinyVideo())
      await until('the outage is over', () => performance.now() - startedAt > OUTAGE_SECONDS * 1000, 2 * OUTAGE_SECONDS)
      await until('the daemon is not ready', async () => (await getReadyStatus(first)) === 503)
      const requests = cut.hits
      const cpuSeconds = (await readCpuSeconds(first)) - cpuBefore
      const seconds = (performance.now() - startedAt) / 1000
      cut.off()
      // the SDK sends each request up to three times; there are two pollers and three messages
      assert.ok(requests > 0 && requests <= 15 * seconds, `${requests} requests in ${seconds} s`)
      // a busy loop would use all CPU time; the share used with pauses depends on the machine
      assert.ok(cpuSeconds < seconds / 3, `${cpuSeconds} s of CPU in ${seconds} s`)
      await bench.waitUntilIdle()
      await bench.checkInvariants()
      await until('the daemon is ready again', async () => (await getReadyStatus(first)) === 200)
      for (const name of ['a', 'b', 'c']) assert.is((await bench.document(`origin_${name}.mp4`))?.attempt, 1)
      const cost = `${requests} requests, ${cpuSeconds.toFixed(2)} s of CPU`
      process.stdout.write(`  ${service} unavailable for ${OUTAGE_SECONDS} s: ${cost}\n`)
    },
  )
}

/** Returns the user and system CPU time of a daemon so far. proc(5) counts it in ticks of 10 ms. */
async function readCpuSeconds({ daemon }: Member): Promise<number> {
  const stat = await readFile(`/proc/${daemon.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
