import { randomUUID } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AudioStream, RunContext } from 'mediad'
import { toStartOptions } from './timestamps.ts'
import { toFilteredAudio } from './audio.ts'

/** EBU R128: integrated loudness in LUFS, true peak in dBTP, range in LU. */
export type Loudness = { readonly integrated: number; readonly peak: number; readonly range: number }

/** Limit of the true peak in dBTP, below 0 because lossy codecs overshoot. */
const PEAK_LIMIT = -1.5
/** Integrated loudness in LUFS at or below which audio counts as silence. */
const SILENCE = -69
/** Bytes read from the end of the measurements: about a dozen reports of the filter. */
const TAIL_BYTES = 8192

/** Runs the first pass: measures the resampled and downmixed audio. Null for audio that cannot be measured. */
export async function measureLoudness(context: RunContext, audio: AudioStream): Promise<Loudness | null> {
  const { probe, workspace, ffmpeg } = context
  const name = `loudness-${randomUUID()}.txt` // a plain name, relative to the workspace: nothing to quote in a filter
  const measured = toFilteredAudio(probe, audio, { further: toMeasuringFilters(name) })
  try {
    await ffmpeg({
      inputOptions: [...toStartOptions(probe), '-max_error_rate', '1'], // the second pass fails for a corrupt source
      outputs: [],
      alsoDecode: [...measured, '-vn', '-sn', '-dn'],
      durationSeconds: probe.durationSeconds,
      onProgress: (fraction) => context.progress(fraction * MEASURING_SHARE),
    })
    return parseLoudness(await readEnd(join(workspace, name)))
  } finally {
    await rm(join(workspace, name), { force: true })
  }
}

/** Returns the filters that write measurements to a file in the workspace. */
export function toMeasuringFilters(name: string): string[] {
  return ['ebur128=metadata=1:peak=true', `ametadata=mode=print:file=${name}`]
}

/** Measures the audio, and returns the filters that bring it to the target; undefined when it stays as it is. */
export async function toLoudness(
  context: RunContext,
  audio: AudioStream | null,
  loudness: { readonly target: number } | undefined,
): Promise<readonly string[] | undefined> {
  if (!loudness || !audio) return undefined
  const measured = await measureLoudness(context, audio)
  if (measured) return toLoudnessFilters(measured, loudness.target)
  context.warn('the loudness is unchanged: the audio is silent, too short, or changes its format mid-stream')
  return undefined
}

/** Share of the first pass in the progress. */
export const MEASURING_SHARE = 0.15

/** Parses the last report, which covers all audio before it. Null for silence and for incomplete measurements. */
export function parseLoudness(text: string): Loudness | null {
  const last = (key: string) => Number(text.split(`lavfi.r128.${key}=`).at(-1)?.split('\n')[0] ?? Number.NaN)
  const [integrated, range, peak] = [last('I'), last('LRA'), 20 * Math.log10(last('true_peak'))]
  if (![integrated, range, peak].every(Number.isFinite) || integrated <= SILENCE) return null
  if (hasRestarted(text)) return null
  return { integrated, range, peak }
}

/**
 * Whether the measurement restarted, as the filter does when the audio format changes mid-stream: its reports, one every
 * 0.1 s, then count from 0 again.
 */
function hasRestarted(text: string): boolean {
  const [, report, seconds] = [...text.matchAll(/^frame:(\d+)\s.*pts_time:([\d.]+)/gm)].at(-1) ?? []
  return Number(seconds ?? 0) - Number(report ?? 0) / 10 > 1
}

/**
 * Returns the filters of the second pass. `loudnorm` applies one constant gain where the peaks allow it; otherwise it limits
 * the peaks, and then outputs 192 kHz, so the sample rate is set afterwards.
 */
export function toLoudnessFilters(measured: Loudness, target: number): string[] {
  const range = Math.min(50, Math.max(7, Math.ceil(measured.range)))
  // `loudnorm` rejects a measured loudness above 0 LUFS, which floating-point samples can have; its limiter works all the same
  const values = [
    `I=${target}:TP=${PEAK_LIMIT}:LRA=${range}`,
    `measured_I=${Math.min(0, measured.integrated)}:measured_TP=${measured.peak.toFixed(2)}:measured_LRA=${measured.range}`,
    // the relative gate of R128 is 10 LU lower; it only matters where the peaks do not allow a constant gain
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
