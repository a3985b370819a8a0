import { randomUUID } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AudioStream, RunContext } from 'mediad'
import { toStartOptions } from './timestamps.ts'
import { toAudioFilters } from './audio.ts'

/** EBU R128: integrated loudness in LUFS, true peak in dBTP, range in LU. */
export type Loudness = { readonly integrated: number; readonly peak: number; readonly range: number }

/** What a true peak may reach, in dBTP: lossy codecs overshoot. */
const PEAK_LIMIT = -1.5
/** Below this it is silence, which nothing can make loud. */
const SILENCE = -69
/** A dozen of the filter's reports. */
const TAIL_BYTES = 8192

/** The first pass: listens to the sound as it will be. Null for what cannot be measured. */
export async function measureLoudness(context: RunContext, audio: AudioStream): Promise<Loudness | null> {
  const { probe, workspace, ffmpeg } = context
  const name = `loudness-${randomUUID()}.txt` // a plain name, relative to the workspace: nothing to quote in a filter
  const filters = [...toAudioFilters(probe, audio), ...toMeasuringFilters(name)]
  try {
    await ffmpeg({
      inputOptions: [...toStartOptions(probe), '-max_error_rate', '1'], // the second pass judges
      outputs: [],
      alsoDecode: ['-map', `0:${audio.index}`, '-vn', '-sn', '-dn', '-af', filters.join(',')],
      durationSeconds: probe.durationSeconds,
      onProgress: (fraction) => context.progress(fraction * MEASURING_SHARE),
    })
    return parseLoudness(await readEnd(join(workspace, name)))
  } finally {
    await rm(join(workspace, name), { force: true })
  }
}

/** Filters that write their reports into a file of the workspace. */
export function toMeasuringFilters(name: string): string[] {
  return ['ebur128=metadata=1:peak=true', `ametadata=mode=print:file=${name}`]
}

/** The first pass's share of the work. */
export const MEASURING_SHARE = 0.15

/** The last report: everything in it counts from the beginning. Null for silence, and for what was not measured whole. */
export function parseLoudness(text: string): Loudness | null {
  const last = (key: string) => Number(text.split(`lavfi.r128.${key}=`).at(-1)?.split('\n')[0] ?? Number.NaN)
  const [integrated, range, peak] = [last('I'), last('LRA'), 20 * Math.log10(last('true_peak'))]
  if (![integrated, range, peak].every(Number.isFinite) || integrated <= SILENCE) return null
  if (hasBegunAnew(text)) return null
  return { integrated, range, peak }
}

/** Sound that changes its form on the way makes the filter forget; its reports, one each 0.1 s, then count from 0 again. */
function hasBegunAnew(text: string): boolean {
  const [, report, seconds] = [...text.matchAll(/^frame:(\d+)\s.*pts_time:([\d.]+)/gm)].at(-1) ?? []
  return Number(seconds ?? 0) - Number(report ?? 0) / 10 > 1
}

/**
 * The second pass: one gain over all, where the peaks allow it; where they do not, ffmpeg's `loudnorm` holds them down.
 * It works at 192 kHz then, so the rate is set behind it.
 */
export function toLoudnessFilters(measured: Loudness, target: number): string[] {
  const range = Math.min(50, Math.max(7, Math.ceil(measured.range)))
  // it takes no sound above 0 LUFS, which only samples of floating point can be: the peaks are held down all the same
  const values = [
    `I=${target}:TP=${PEAK_LIMIT}:LRA=${range}`,
    `measured_I=${Math.min(0, measured.integrated)}:measured_TP=${measured.peak.toFixed(2)}:measured_LRA=${measured.range}`,
    // the gate of R128 lies 10 LU below; it matters only where the peaks do not allow one gain
    `measured_thresh=${(measured.integrated - 10).toFixed(2)}:linear=true`,
  ]
  return [`loudnorm=${values.join(':')}`, 'aresample=48000']
}

async function readEnd(path: string): Promise<string> {
  await using file = await open(path)
  const { size } = await file.stat()
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, Math.max(0, size - TAIL_BYTES))
  return buffer.toString('latin1', 0, bytesRead)
}
