/** Flash and beep: whether picture and sound belong together is seen and heard, not read from headers. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const BEEP_SECONDS = 0.12

/** Where the film flashes and beeps, unless told otherwise; uneven, so that no other shift fits as well. */
export const signals: readonly number[] = [0.6, 1.4, 2.68]

/** ffmpeg's options for a black film that turns white, and a silence that beeps, at the same times. */
export function toSignalInputs(film: {
  seconds: number
  fps?: number
  size?: string
  at?: readonly number[]
}): string[] {
  const { seconds, fps = 25, size = '160x90', at = signals } = film
  const during = at.map((time) => `between(t,${time - 0.001},${time + BEEP_SECONDS})`).join('+')
  const picture = `color=black:s=${size}:r=${fps}:d=${seconds},drawbox=color=white:t=fill:enable='${during}'`
  const sound = `aevalsrc='0.8*sin(2*PI*1000*t)*(${during})':s=48000:d=${seconds}`
  return ['-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound]
}

export type Signals = { flashes: number[]; beeps: number[] }

/** When the picture turns white and the sound sets in, in the file's own seconds. */
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

/** Times at which a value that a filter prints with every frame begins to be high. */
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

/** The largest distance between a flash and its beep, in seconds; NaN when they cannot be paired. */
export function toDrift({ flashes, beeps }: Signals): number {
  if (flashes.length === 0 || flashes.length !== beeps.length) return Number.NaN
  return Math.max(...flashes.map((flash, n) => Math.abs(flash - (beeps[n] ?? Number.NaN))))
}

/** The pitch of a tone in Hz, by how often it crosses zero. */
export async function readPitch(path: string): Promise<number> {
  const sound = ['-map', '0:a:0', '-ac', '1', '-ar', '48000', '-f', 's16le', '-']
  const args = ['-nostdin', '-v', 'error', '-ss', '0.5', '-t', '1', '-i', `file:${path}`, ...sound]
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 2 ** 26 })
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.length >> 1)
  const crossings = samples.filter((sample, n) => n > 0 && (samples[n - 1] ?? 0) < 0 && sample >= 0).length
  return crossings / (samples.length / 48_000)
}
