/**
 * Shows what mediad does: `npm run demo`, or `npm run demo -- FILE` with your own video. Starts a daemon with the embedded
 * S3 and SQS, requests a presigned URL, uploads the file with a PUT, follows the job, and prints the outputs.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { openAsBlob } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { SingleBar } from 'cli-progress'
import type { JobDocument } from 'mediad'
import { toTable } from '../daemon/terminal/table.ts'

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'mediad-demo-'))
let daemon: ChildProcess | undefined
try {
  const file = process.argv[2] ?? (await makeVideo(folder))
  const started = await startDaemon(folder)
  daemon = started.daemon
  const id = await upload(started.url, file)
  const job = await waitForJob(started.url, id)
  if (job.state === 'succeeded') print(`Done. The outputs in the bucket:\n${toTable(job.outputs)}`)
  else print(`The job failed with ${job.error?.code}: ${job.error?.message}`)
  process.exitCode = job.state === 'succeeded' ? 0 : 1
} finally {
  await stop(daemon)
  await rm(folder, { recursive: true, force: true })
}

/** Creates a video like a phone's: portrait HEVC with audio, stored in landscape with a rotation of 90 degrees. */
async function makeVideo(folder: string): Promise<string> {
  print('Creating a portrait HEVC video with audio, like one recorded by a phone.')
  const path = join(folder, 'portrait.mp4')
  const video = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30:duration=10']
  const audio = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=10', '-c:a', 'aac']
  const x265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error', '-pix_fmt', 'yuv420p']
  const mp4 = ['-tag:v', 'hvc1', '-movflags', '+faststart']
  await run('ffmpeg', ['-v', 'error', '-nostdin', ...video, ...audio, ...x265, ...mp4, '-y', path])
  await writeFile(path, rotate(await readFile(path)))
  return path
}

/** Writes a display matrix of 90 degrees clockwise to the first track of an mp4 (ISO/IEC 14496-12, `tkhd`). */
function rotate(mp4: Buffer): Buffer {
  const matrix = mp4.indexOf('tkhd') + 44
  for (const [n, value] of [0, 1, 0, -1, 0, 0, 0, 0].entries()) mp4.writeInt32BE(value * 0x10000, matrix + 4 * n)
  return mp4
}

async function startDaemon(folder: string): Promise<{ daemon: ChildProcess; url: string }> {
  print('Starting a mediad daemon with an embedded S3 and SQS.')
  const main = join(import.meta.dirname, '../daemon/main.ts')
  const args = ['--conditions=source', main, 'start', '--local', '--port', '0', '--data', join(folder, 'data')]
  const daemon = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: daemon.stdout })) {
    const entry = JSON.parse(line) as { event?: string; url?: string }
    if (entry.event !== 'daemon.started' || entry.url === undefined) continue
    daemon.stdout.resume()
    return { daemon, url: entry.url }
  }
  throw new Error('the daemon did not start; its error is printed above')
}

async function upload(url: string, file: string): Promise<string> {
  const presign = await fetch(`${url}/video/pre-signed-url`, {
    method: 'POST',
    body: JSON.stringify({ filename: basename(file) }),
  })
  if (!presign.ok) throw new Error(`no presigned URL: ${await presign.text()}`)
  const { preSignedUrl, id, key } = (await presign.json()) as { preSignedUrl: string; id: string; key: string }
  print(`Uploading ${basename(file)} to S3 as ${key}, with a presigned URL.`)
  const put = await fetch(preSignedUrl, { method: 'PUT', body: await openAsBlob(file) })
  if (!put.ok) throw new Error(`the upload failed: ${put.status} ${await put.text()}`)
  return id
}

async function waitForJob(url: string, id: string): Promise<JobDocument> {
  const bar = new SingleBar({
    format: '{bar} {percentage}% {plugin}',
    barsize: 40,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 1000,
  })
  print('Processing it. S3 notifies the daemon, which runs its plugins:')
  bar.start(100, 0, { plugin: 'waiting' })
  try {
    for (;;) {
      const response = await fetch(`${url}/video/${id}`)
      const job = response.ok ? ((await response.json()) as JobDocument) : undefined
      if (job) bar.update(job.progress.percent, { plugin: job.progress.plugin ?? job.state })
      if (job?.state === 'succeeded' || job?.state === 'dead') return job
      await sleep(200)
    }
  } finally {
    bar.stop()
  }
}

async function stop(daemon: ChildProcess | undefined): Promise<void> {
  if (daemon === undefined || daemon.exitCode !== null) return
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGTERM')
  await ended
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
