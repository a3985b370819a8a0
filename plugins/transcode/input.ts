import type { Probe } from 'mediad'
import { toFrameInputOptions } from '../frames/colour.ts'
import type { EncodeSettings } from './options.ts'
import { toStartOptions } from './timestamps.ts'

/** Returns the options before the source: timestamps, orientation, decoder, and the share of errors that ends the run. */
export function toInputOptions(probe: Probe, { onCorrupt }: Pick<EncodeSettings, 'onCorrupt'>): string[] {
  const frames = probe.video ? toFrameInputOptions(probe.video) : []
  return [...toStartOptions(probe), ...frames, '-max_error_rate', onCorrupt === 'warn' ? '1' : '0.67']
}
