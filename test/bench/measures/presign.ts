import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { makeVideo } from '../../helpers/media.ts'
import { judge, toMs, type Result } from '../report.ts'
import { defaultChain, openSite, startDaemon, toConfig } from '../site.ts'

const CONNECTIONS = 4

/** Measures the endpoint while the daemon runs two encodes. */
export async function measurePresign({ seconds }: { seconds: number }): Promise<Result[]> {
  await using site = await openSite()
  const video = join(site.folder, 'video.mp4')
  await makeVideo(video, { seconds: Math.max(10, seconds * 3), width: 1280, height: 720, codec: 'hevc' })
  await using daemon = await startDaemon(site, toConfig({ chain: defaultChain }))
  const content = await readFile(video)
  for (const name of ['a', 'b']) await site.put(`origin_${name}.mp4`, content)
  await daemon.waitFor(() => daemon.entries.filter(({ event }) => event === 'job.started').length === 2)
  const result = await autocannon({
    url: `${daemon.url}/video/pre-signed-url`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ filename: 'video.mp4' }),
    connections: CONNECTIONS,
    duration: seconds,
  })
  const running = daemon.entries.filter(({ event }) => event === 'job.succeeded').length === 0
  if (!running) throw new Error('an encode ended too early')
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx + result.errors} requests failed`)
  return [
    {
      measure: 'presign while two encodes run, p99',
      ...judge(result.latency.p99, { atMost: 50 }, toMs),
      detail: `${result.requests.average.toFixed(0)} requests/s on ${CONNECTIONS} connections for ${seconds} s, p50 ${toMs(result.latency.p50)}; the client on the same cores`,
    },
  ]
}
