/**
 * Shows what mediad does: `npm run demo`, or `npm run demo -- FILE` with your own video. `--streaming` makes renditions with
 * playlists instead of one MP4, and serves them with a page that plays them. Starts a daemon with the embedded
 * S3 and SQS, requests a presigned URL, uploads the file with a PUT, follows the job, and downloads the outputs to the folder
 * `results` (`--out DIR`).
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { openAsBlob, statSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, parseEnv, promisify } from 'node:util'
import { SingleBar } from 'cli-progress'
import type { JobDocument } from 'mediad'
import { toTable } from '../daemon/terminal/table.ts'
import { serve } from './player/serve.ts'

const run = promisify(execFile)
const main = join(import.meta.dirname, '../daemon/main.ts')
const stop = new AbortController()
const { signal } = stop
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort(new Error('stopped')))

let daemon: ChildProcess | undefined
const request = readArguments()
if (request === null) process.exitCode = 2
else await showAll(request)

type Request = { file: string | undefined; out: string; streaming: boolean }

async function showAll({ file, out, streaming }: Request): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'mediad-demo-'))
  try {
    const source = file ?? (await makeVideo(folder))
    const url = await startDaemon(folder, streaming)
    const id = await upload(url, source)
    const job = await waitForJob(url, id)
    if (job.state === 'succeeded') {
      await download(folder, id, out)
      print(`Done. The outputs are in ${out}:\n${toTable(job.outputs, process.stdout.columns)}`)
      print('To do the same in a browser: npm start, then open http://localhost:3000 and drop a video.')
      if (streaming) await servePlayer(out, job)
    } else print(`The job failed with ${job.error?.code}: ${job.error?.message}`)
    process.exitCode = job.state === 'succeeded' ? 0 : 1
  } catch (error) {
    if (!signal.aborted) throw error
    print('Stopped. The daemon ends its job; press Ctrl-C again to end it at once.')
    process.exitCode = 130
  } finally {
    await end(daemon)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Reads the arguments, and checks the file before anything starts. Returns null if it is not a file. */
function readArguments(): Request | null {
  const { values, positionals } = parseArgs({
    options: { out: { type: 'string', default: 'results' }, streaming: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const [file] = positionals
  const isFile = file === undefined || statSync(file, { throwIfNoEntry: false })?.isFile() === true
  if (isFile) return { file, out: resolve(values.out), streaming: values.streaming }
  process.stderr.write(`${file} is not a file. Usage: npm run demo -- [FILE] [--out DIR] [--streaming]\n`)
  return null
}

/** Creates a video like a phone's: portrait HEVC with audio, stored in landscape with a rotation of 90 degrees. */
async function makeVideo(folder: string): Promise<string> {
  print('Creating a portrait HEVC video with audio, like one recorded by a phone.')
  const path = join(folder, 'portrait.mp4')
  const video = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30:duration=10']
  const audio = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=10', '-c:a', 'aac']
  const x265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error', '-pix_fmt', 'yuv420p']
  const mp4 = ['-tag:v', 'hvc1', '-movflags', '+faststart']
  await run('ffmpeg', ['-v', 'error', '-nostdin', ...video, ...audio, ...x265, ...mp4, '-y', path], { signal })
  await writeFile(path, rotate(await readFile(path)))
  return path
}

/** Writes a display matrix of 90 degrees clockwise to the first track of an mp4 (ISO/IEC 14496-12, `tkhd`). */
function rotate(mp4: Buffer): Buffer {
  const matrix = mp4.indexOf('tkhd') + 44
  for (const [n, value] of [0, 1, 0, -1, 0, 0, 0, 0].entries()) mp4.writeInt32BE(value * 0x10000, matrix + 4 * n)
  return mp4
}

async function startDaemon(folder: string, streaming: boolean): Promise<string> {
  print('Starting a mediad daemon with an embedded S3 and SQS.')
  const config = streaming ? ['--config', join(import.meta.dirname, 'streaming/media.config.ts')] : []
  const start = ['start', '--local', '--port', '0', '--data', join(folder, 'data'), ...config]
  const args = ['--conditions=source', main, ...start]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  daemon = child // ended by the caller, also if it does not start
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { event?: string; url?: string }
    if (entry.event !== 'daemon.started' || entry.url === undefined) continue
    child.stdout.resume()
    return entry.url
  }
  throw new Error('the daemon did not start; its error is printed above')
}

async function upload(url: string, file: string): Promise<string> {
  const presign = await fetch(`${url}/video/pre-signed-url`, {
    signal,
    method: 'POST',
    body: JSON.stringify({ filename: basename(file) }),
  })
  if (!presign.ok) throw new Error(`no presigned URL: ${await presign.text()}`)
  const { preSignedUrl, id, key } = (await presign.json()) as { preSignedUrl: string; id: string; key: string }
  print(`Uploading ${basename(file)} to S3 as ${key}, with a presigned URL.`)
  const put = await fetch(preSignedUrl, { signal, method: 'PUT', body: await openAsBlob(file) })
  if (!put.ok) throw new Error(`the upload failed: ${put.status} ${await put.text()}`)
  return id
}

async function waitForJob(url: string, id: string): Promise<JobDocument> {
  const bar = new SingleBar({
    format: '{bar} {percentage}% {plugin}',
    barsize: 40,
    hideCursor: true,
    gracefulExit: false,
    noTTYOutput: true,
    notTTYSchedule: 1000,
  })
  print('Processing it. S3 notifies the daemon, which runs its plugins:')
  bar.start(100, 0, { plugin: 'waiting' })
  try {
    for (;;) {
      const response = await fetch(`${url}/video/${id}`, { signal })
      const job = response.ok ? ((await response.json()) as JobDocument) : undefined
      if (job) bar.update(job.progress.percent, { plugin: job.progress.plugin ?? job.state })
      if (job?.state === 'succeeded' || job?.state === 'dead') return job
      await sleep(200, undefined, { signal })
    }
  } finally {
    bar.stop()
  }
}

/** Runs `mediad get` with the environment of the embedded S3, which the daemon keeps in its data folder. */
async function download(folder: string, id: string, out: string): Promise<void> {
  print('Downloading the outputs with mediad get.')
  const lines = (await readFile(join(folder, 'data/env'), 'utf8')).split('\n')
  const unset = lines[0]?.split(' ') ?? []
  const inherited = Object.entries(process.env).filter(([name]) => !unset.includes(name))
  const env = { ...Object.fromEntries(inherited), ...parseEnv(lines.slice(1).join('\n')) }
  await run(process.execPath, ['--conditions=source', main, 'get', id, '--out', out], { env, signal })
}

/** Serves the outputs and the page of `examples/player`, until Ctrl-C. */
async function servePlayer(out: string, { outputs }: JobDocument): Promise<void> {
  const master = outputs.find(({ kind }) => kind === 'master')
  if (master === undefined) return
  const { url, server } = await serve(out)
  print(`Open ${url}/player/?src=/${encodeURI(master.key)} to play it. Ctrl-C ends the demo.`)
  try {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Stops the daemon, which lets its running job finish. A second Ctrl-C reaches it through the terminal. */
async function end(daemon: ChildProcess | undefined): Promise<void> {
  if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return
  const ended = new Promise((resolve) => daemon.once('exit', resolve))
  daemon.kill('SIGTERM')
  await ended
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
