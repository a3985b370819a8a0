/** Reads decoded audio samples. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const RATE = 48_000

/** Returns the samples of each channel of a stereo or mono file, at 48 kHz. Full scale is 1. */
export async function readSamples(path: string, channels = 2): Promise<Float32Array[]> {
  const output = ['-map', '0:a:0', '-ar', String(RATE), '-f', 'f32le', '-']
  const args = ['-nostdin', '-v', 'error', '-i', `file:${path}`, ...output]
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 2 ** 27 })
  const all = new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length))
  return Array.from({ length: channels }, (_, channel) => all.filter((_sample, n) => n % channels === channel))
}

/** Returns the amplitude of a tone between two times, in seconds. */
export function readTone(samples: Float32Array, hertz: number, [from, to]: readonly [number, number]): number {
  const part = samples.subarray(from * RATE, to * RATE)
  let [re, im] = [0, 0]
  for (const [n, sample] of part.entries()) {
    re += sample * Math.cos((2 * Math.PI * hertz * n) / RATE)
    im += sample * Math.sin((2 * Math.PI * hertz * n) / RATE)
  }
  return (2 * Math.hypot(re, im)) / part.length
}

/** Returns the largest absolute sample. */
export const readPeak = (samples: Float32Array): number =>
  samples.reduce((peak, one) => Math.max(peak, Math.abs(one)), 0)

/**
 * Finds holes and clicks in a steady tone between two times: times with a millisecond of silence, or with a jump that the tone
 * does not have.
 */
export function findBreaks(samples: Float32Array, [from, to]: readonly [number, number]): number[] {
  const part = samples.subarray(from * RATE, to * RATE)
  const peak = readPeak(part)
  const breaks = new Set<number>()
  let silent = 0
  for (const [n, sample] of part.entries()) {
    silent = Math.abs(sample) < peak / 100 ? silent + 1 : 0
    const jump = Math.abs(sample - (part[n - 1] ?? sample))
    if (silent >= RATE / 1000 || jump > peak / 4) breaks.add(Number((from + n / RATE).toFixed(2)))
  }
  return [...breaks]
}
