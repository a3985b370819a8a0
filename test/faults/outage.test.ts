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
  row(`Q14: ${service} gone for ${OUTAGE_SECONDS} s: few requests, not ready, then all is done by itself`, async () => {
    await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]' })
    const { first } = bench
    await until('it is ready', async () => (await getReadyStatus(first)) === 200)
    const startedAt = performance.now()
    const usedBefore = await cpuSeconds(first)
    const cut = first.proxy.cut((call) => call.service === service)
    for (const name of ['a', 'b', 'c']) await bench.upload(`origin_${name}.mp4`, await tinyVideo())
    await until('the outage is over', () => performance.now() - startedAt > OUTAGE_SECONDS * 1000, 2 * OUTAGE_SECONDS)
    await until('it is not ready', async () => (await getReadyStatus(first)) === 503)
    const requests = cut.hits
    const used = (await cpuSeconds(first)) - usedBefore
    const seconds = (performance.now() - startedAt) / 1000
    cut.off()
    // three tries of the SDK for each of ours, two pollers, three messages
    assert.ok(requests > 0 && requests <= 15 * seconds, `${requests} requests in ${seconds} s`)
    // who goes round and round takes all there is; how much of it the pauses leave depends on the machine
    assert.ok(used < seconds / 3, `${used} s of CPU in ${seconds} s`)
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    await until('it is ready again', async () => (await getReadyStatus(first)) === 200)
    for (const name of ['a', 'b', 'c']) assert.is((await bench.document(`origin_${name}.mp4`))?.attempt, 1)
    const cost = `${requests} requests, ${used.toFixed(2)} s of CPU`
    process.stdout.write(`  ${service} gone for ${OUTAGE_SECONDS} s: ${cost}\n`)
  })
}

/** What a daemon has used of the CPU so far: user and system time, in ticks of 10 ms (proc(5), stat). */
async function cpuSeconds({ daemon }: Member): Promise<number> {
  const stat = await readFile(`/proc/${daemon.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
