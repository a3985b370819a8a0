import type { Probe } from 'mediad'
import { toFrameInputOptions } from '../frames/colour.ts'
import type { EncodeSettings } from './options.ts'
import { toStartOptions } from './timestamps.ts'

/**
 * Returns the options before the source: timestamps, orientation, decoder, those of the encoder, and the share of errors that
 * ends the run.
 */
export function toInputOptions(
  probe: Probe,
  { onCorrupt }: Pick<EncodeSettings, 'onCorrupt'>,
  ofEncoder: readonly string[] = [],
): string[] {
  const frames = probe.video ? toFrameInputOptions(probe.video) : []
  const maxErrorRate = onCorrupt === 'warn' ? '1' : '0.67'
  return [...toStartOptions(probe), ...frames, ...ofEncoder, '-max_error_rate', maxErrorRate]
}
