import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { BUCKET } from '../../helpers/cloud.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { readCpu, readRss, subtractCpu } from '../processes.ts'
import { judge, toMib, toRatio, toSeconds, type Result } from '../report.ts'
import { openSite, startDaemon, toConfig, waitForJobs, type Site } from '../site.ts'

/** A chain that copies the streams and encodes nothing. */
const copyChain = '[copy(), upload()]'
const copyCode = `
const copy = definePlugin('copy', z.object({}), () => ({
  keys: ['copy_{name}.mp4'],
  async run({ ffmpeg, workspace, add }) {
    const path = workspace + '/copy.mp4'
    await ffmpeg({ outputs: [{ path, options: ['-map', '0', '-c', 'copy'] }] })
    await add(path, 'copy', { key: 'copy_{name}.mp4', contentType: 'video/mp4' })
  },
}))
`

/** Measures how much the memory of a daemon grows while a large file goes through it: download, ffprobe, copy, upload. */
export async function measureLargeFile({ bytes }: { bytes: number }): Promise<Result[]> {
  await using site = await openSite()
  const path = await makeLargeFile(site.folder, bytes)
  const { size } = await stat(path)
  await using daemon = await startDaemon(site, toConfig({ chain: copyChain, code: copyCode }))
  await put(site, 'origin_small.mp4', join(site.folder, 'clip.mp4'))
  await waitForJobs([daemon], 'small', 1)
  const before = readRss(daemon.pid)
  await put(site, 'origin_large.mp4', path)
  const startedAt = performance.now()
  await waitForJobs([daemon], 'large', 1)
  const growth = readRss(daemon.pid).peak - before.now
  return [
    {
      measure: `growth of RSS while a file of ${(size / 2 ** 30).toFixed(1)} GiB is copied`,
      ...judge(growth, { atMost: 60 * 2 ** 20 }, toMib),
      detail: `from ${toMib(before.now)} after a small job; the job took ${toSeconds((performance.now() - startedAt) / 1000)}`,
    },
  ]
}

/** Repeats a noisy clip, so that the file is made as fast as the disk writes. */
async function makeLargeFile(folder: string, bytes: number): Promise<string> {
  const clip = join(folder, 'clip.mp4')
  const large = join(folder, 'large.mp4')
  const noise = 'nullsrc=size=1280x720:rate=25:duration=2,noise=alls=100:allf=t'
  await ffmpeg([
    '-f',
    'lavfi',
    '-i',
    noise,
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-qp',
    '12',
    '-pix_fmt',
    'yuv420p',
    clip,
  ])
  const { size } = await stat(clip)
  await ffmpeg(['-stream_loop', String(Math.ceil(bytes / size) - 1), '-i', clip, '-c', 'copy', large])
  return large
}

async function put({ s3 }: Site, key: string, path: string): Promise<void> {
  const { size } = await stat(path)
  const target = { Bucket: BUCKET, Key: key }
  await s3.send(new PutObjectCommand({ ...target, Body: createReadStream(path), ContentLength: size }))
}

/** Measures what a minute of video costs the daemon itself, for videos of different lengths. */
export async function measureLength({ minutes }: { minutes: readonly number[] }): Promise<Result[]> {
  await using site = await openSite()
  const chain = `[transcode({ codec: 'h264', preset: 'ultrafast', copy: 'never' }), upload()]`
  const runs: LengthRun[] = []
  for (const length of minutes) {
    const path = join(site.folder, `${length}.mp4`)
    const source = ['-f', 'lavfi', '-i', `testsrc2=size=256x144:rate=15:duration=${length * 60}`]
    await ffmpeg([...source, '-c:v', 'libx264', '-preset', 'ultrafast', path])
    await using daemon = await startDaemon(site, toConfig({ chain }))
    const [cpu, rss] = [readCpu(daemon.pid), readRss(daemon.pid).now]
    await put(site, `origin_length-${length}.mp4`, path)
    await waitForJobs([daemon], `length-${length}.`, 1)
    const { own } = subtractCpu(readCpu(daemon.pid), cpu)
    runs.push({ minutes: length, cpu: own / length, growth: readRss(daemon.pid).peak - rss })
  }
  const [first, ...others] = runs
  return first === undefined ? [] : others.map((run) => compareLength(run, first))
}

type LengthRun = { minutes: number; cpu: number; growth: number }

function compareLength(run: LengthRun, first: LengthRun): Result {
  const ms = ({ cpu }: LengthRun) => `${(1000 * cpu).toFixed(0)} ms`
  return {
    measure: `CPU time of Node per minute of video: ${run.minutes} min`,
    against: `${first.minutes} min`,
    ...judge(run.cpu / first.cpu, { atMost: 1 }, toRatio),
    detail: `${ms(run)} against ${ms(first)}; RSS grew by ${toMib(run.growth)} against ${toMib(first.growth)}`,
  }
}
