import { setTimeout as sleep } from 'node:timers/promises'
import { openFaultProxy } from '../../faults/proxy.ts'
import { readCpu, readRss, subtractCpu } from '../processes.ts'
import { judge, toMib, toRange, toSeconds, type Result } from '../report.ts'
import { defaultChain, openSite, startDaemon, toConfig } from '../site.ts'
import { toSpread } from '../statistics.ts'
import { toProxied } from './jobs.ts'

/** Measures `mediad start` until it receives messages, with the default chain. */
export async function measureStart({ rounds }: { rounds: number }): Promise<Result[]> {
  await using site = await openSite()
  const times: number[] = []
  const cpu: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    await using daemon = await startDaemon(site, toConfig({ chain: defaultChain }))
    times.push((performance.now() - startedAt) / 1000)
    const { own, children } = readCpu(daemon.pid)
    cpu.push(own + children)
  }
  return [
    {
      measure: '`mediad start` → ready',
      ...judge(toSpread(times).median, { atMost: 1 }, toSeconds),
      detail: `${toRange(times, toSeconds)}, ${rounds} rounds; CPU time ${toRange(cpu, toSeconds)}`,
    },
  ]
}

/** Measures a daemon without jobs. */
export async function measureIdle({ seconds }: { seconds: number }): Promise<Result[]> {
  await using site = await openSite()
  await using proxy = await openFaultProxy({
    s3: site.env.AWS_ENDPOINT_URL_S3 ?? '',
    sqs: site.env.AWS_ENDPOINT_URL_SQS ?? '',
  })
  await using daemon = await startDaemon(site, toConfig({ chain: defaultChain }), toProxied(site, proxy))
  await sleep(1000)
  const [before, calls] = [readCpu(daemon.pid), proxy.calls.length]
  await sleep(seconds * 1000)
  const { own, children } = subtractCpu(readCpu(daemon.pid), before)
  const perHour = ((proxy.calls.length - calls) * 3600) / seconds
  const measure = `idle for ${seconds} s`
  return [
    {
      measure: `${measure}: requests per hour`,
      ...judge(perHour, { atMost: 1500 }, (value) => value.toFixed(0)),
      detail: 'polls of both queues, every 5 s and every 7 s',
    },
    {
      measure: `${measure}: CPU`,
      ...judge((100 * (own + children)) / seconds, { atMost: 0.5 }, (value) => `${value.toFixed(2)} %`),
      detail: 'of one core',
    },
    {
      measure: `${measure}: RSS`,
      ...judge(readRss(daemon.pid).now, { atMost: 120 * 2 ** 20 }, toMib),
      detail: `at most ${toMib(readRss(daemon.pid).peak)} since the start`,
    },
  ]
}
