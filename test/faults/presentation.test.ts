import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { BUCKET, type Cloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { longVideo, tinyVideo } from '../helpers/media.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { makePresentation } from '../streaming/package.ts'
import { validateHls } from '../streaming/validate-hls.ts'
import { validateDash } from '../streaming/validate-dash.ts'
import { startBench } from './bench.ts'
import { all, EXPLORATION_SECONDS, KEY } from './explore.ts'
import { shortLease } from './setup.ts'

const row = runInParallel(suite('presentation', { timeoutSeconds: EXPLORATION_SECONDS }))

const MASTER = 'hls_a/master.m3u8'
const MANIFEST = 'hls_a/manifest.mpd'

/** Two renditions and the playlists of both, the I-frame playlist, the multivariant playlist, and the manifest. */
const OUTPUTS = 7

type Kill = { readonly output: number; readonly when: 'before' | 'after' }

const allKills = Array.from({ length: OUTPUTS }, (_, n): Kill[] => [
  { output: n + 1, when: 'before' },
  { output: n + 1, when: 'after' },
]).flat()

/** The first PUT, and those around the multivariant playlist and the manifest; `MEDIAD_FAULTS=all` explores all. */
const isDecisive = ({ output, when }: Kill) =>
  output > OUTPUTS - 2 || (output === 1 && when === 'before') || (output === OUTPUTS - 2 && when === 'after')

row(
  'P2: killed at any PUT of a presentation: the old or the new one is complete, then the new one',
  async () => {
    await using folder = await temporaryFolder()
    const code = await writeRenditions(join(folder.path, 'renditions'))
    const kills = allKills.filter((kill) => all || isDecisive(kill))
    while (kills.length > 0) await Promise.all(kills.splice(0, 3).map((kill) => runWithKill(code, kill)))
  },
  { exhaustive: true },
)

/** Encodes two renditions once. Returns the code of a plugin that adds them. */
async function writeRenditions(folder: string): Promise<string> {
  await mkdir(folder)
  await using made = await makePresentation({ transcode: { renditions: [{ height: 90 }] }, video: { seconds: 5 } })
  for (const { key } of made.context.artifacts.filter(({ kind }) => kind === 'rendition'))
    await writeFile(join(folder, basename(key)), made.files.get(key) ?? '')
  return `
import { copyFile } from 'node:fs/promises'
import { dash, hls } from 'mediad/plugins'
const encoded = definePlugin('encoded', z.object({}), () => ({
  keys: ['hls_{name}/{version}/{rendition}.mp4'],
  async run({ workspace, add }) {
    for (const rendition of ['h264-90p', 'audio-und']) {
      const path = join(workspace, rendition + '.mp4')
      await copyFile(join(${JSON.stringify(folder)}, rendition + '.mp4'), path)
      const contentType = rendition === 'audio-und' ? 'audio/mp4' : 'video/mp4'
      await add(path, 'rendition', { key: 'hls_{name}/{version}/{rendition}.mp4', values: { rendition }, contentType })
    }
  },
}))
`
}

/** Publishes a presentation, kills the daemon while it publishes another one, and lets a second daemon finish. */
async function runWithKill(code: string, { output, when }: Kill): Promise<void> {
  await using bench = await startBench({ code, chain: '[encoded(), hls(), dash(), upload()]', more: shortLease })
  const { daemon, proxy } = bench.first
  await bench.upload(KEY, await tinyVideo())
  await bench.waitUntilIdle()
  const old = await readVersion(bench.cloud)
  const heads = [MASTER, `hls_a/${old}/h264-90p.m3u8`].map((Key) => new HeadObjectCommand({ Bucket: BUCKET, Key }))
  const stored = await Promise.all(heads.map((head) => bench.cloud.s3.send(head)))
  assert.equal(
    stored.map(({ CacheControl, ContentType }) => [CacheControl, ContentType]),
    [
      ['max-age=10', 'application/vnd.apple.mpegurl'],
      ['max-age=31536000, immutable', 'application/vnd.apple.mpegurl'],
    ],
  )

  let puts = 0
  const act = () => daemon.kill()
  const on = ({ name }: { name: string }) => name === 'PUT output' && ++puts === output
  proxy.fault({ on, times: 1, do: when === 'before' ? 'drop' : 'dropReply', act })
  await bench.upload(KEY, await longVideo(2))
  await until('the daemon is killed', async () => (await Promise.race([daemon.ended, Promise.resolve(null)])) !== null)
  const published = await readVersion(bench.cloud)
  const mayBeNew = output > OUTPUTS - 2
  assert.ok(published === old || mayBeNew, `${when} ${output}: the new presentation is visible too early`)

  await bench.start()
  await bench.waitUntilIdle()
  const final = await readVersion(bench.cloud)
  assert.ok(final !== old && final !== published, `${when} ${output}: ${old}, ${published}, ${final}`)
  assert.match((await bench.cloud.get(MANIFEST)).toString(), final)
}

/** Checks that the presentation in the bucket is complete. Returns its version. */
async function readVersion(cloud: Cloud): Promise<string> {
  const keys = (await cloud.list()).filter((key) => key.startsWith('hls_a/'))
  const files = new Map(await Promise.all(keys.map(async (key) => [key, await cloud.get(key)] as const)))
  const problems = [...validateHls(files, MASTER), ...validateDash(files, MANIFEST)]
  assert.equal(
    problems.filter((problem) => !/^(?:peak|BANDWIDTH|bandwidth)/.test(problem)),
    [],
  )
  return /^([0-9a-f]{16})\//m.exec(files.get(MASTER)?.toString() ?? '')?.[1] ?? ''
}
