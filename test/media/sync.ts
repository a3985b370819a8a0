/** Flashes and beeps, to measure the synchronization of video and audio from their content instead of from headers. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const BEEP_SECONDS = 0.12

/** Default times of the flashes and beeps, in seconds. They are uneven, so that only one offset matches. */
export const signals: readonly number[] = [0.6, 1.4, 2.68]

/** Returns ffmpeg options for a black video that flashes white and silent audio that beeps at the same times. */
export function toSignalInputs(options: {
  seconds: number
  fps?: number
  size?: string
  at?: readonly number[]
}): string[] {
  const { seconds, fps = 25, size = '160x90', at = signals } = options
  const during = at.map((time) => `between(t,${time - 0.001},${time + BEEP_SECONDS})`).join('+')
  const video = `color=black:s=${size}:r=${fps}:d=${seconds},drawbox=color=white:t=fill:enable='${during}'`
  const audio = `aevalsrc='0.8*sin(2*PI*1000*t)*(${during})':s=48000:d=${seconds}`
  return ['-f', 'lavfi', '-i', video, '-f', 'lavfi', '-i', audio]
}

export type Signals = { flashes: number[]; beeps: number[] }

/** Returns the times at which the video turns white and a beep starts, in seconds of the file's timestamps. */
export async function readSignals(path: string, streams = { video: 'v:0', audio: 'a:0' }): Promise<Signals> {
  const [flashes, beeps] = await Promise.all([
    readEdges(path, ['-map', `0:${streams.video}`, '-vf', flash], (value) => value > 128),
    readEdges(path, ['-map', `0:${streams.audio}`, '-af', beep], (value) => value > -30),
  ])
  return { flashes, beeps }
}

const flash = 'scale=16:16:flags=area,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-'
const beep =
  'aresample=8000,asetnsamples=n=40:p=0,astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-'

/** Returns the times at which a value that a filter prints for each frame becomes high. */
async function readEdges(path: string, options: string[], isHigh: (value: number) => boolean): Promise<number[]> {
  const args = [
    '-nostdin',
    '-v',
    'error',
    '-copyts',
    '-i',
    `file:${path}`,
    ...options,
    '-fps_mode',
    'passthrough',
    '-f',
    'null',
    '-',
  ]
  const { stdout } = await run('ffmpeg', args, { maxBuffer: 2 ** 26 })
  const edges: number[] = []
  let seconds = 0
  let high = false
  for (const line of stdout.split('\n')) {
    const time = /pts_time:(-?[\d.]+)/.exec(line)?.[1]
    if (time !== undefined) seconds = Number(time)
    const value = /^lavfi\.[\w.]+=(\S+)/.exec(line)?.[1]
    if (value === undefined) continue
    const now = isHigh(Number(value))
    if (now && !high) edges.push(seconds)
    high = now
  }
  return edges
}

/** Returns the largest distance between a flash and its beep, in seconds, or NaN when they cannot be paired. */
export function toDrift({ flashes, beeps }: Signals): number {
  if (flashes.length === 0 || flashes.length !== beeps.length) return Number.NaN
  return Math.max(...flashes.map((flash, n) => Math.abs(flash - (beeps[n] ?? Number.NaN))))
}

/** Returns the pitch of a tone in Hz, from its zero crossings. */
export async function readPitch(path: string): Promise<number> {
  const output = ['-map', '0:a:0', '-ac', '1', '-ar', '48000', '-f', 's16le', '-']
  const args = ['-nostdin', '-v', 'error', '-ss', '0.5', '-t', '1', '-i', `file:${path}`, ...output]
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 2 ** 26 })
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.length >> 1)
  const crossings = samples.filter((sample, n) => n > 0 && (samples[n - 1] ?? 0) < 0 && sample >= 0).length
  return crossings / (samples.length / 48_000)
}
