import Table from 'cli-table3'
import type { Output } from '../job/job.ts'

/** What came out of a job, for a person. */
export function toTable(outputs: readonly Output[]): string {
  const table = new Table({
    head: ['key', 'kind', 'dimensions', 'duration', 'size', 'codec', 'seconds'],
    style: { head: [], border: [] },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left', 'right'],
  })
  for (const { key, kind, media = {}, sizeBytes, seconds } of outputs) {
    const { width, height, durationSeconds, codec, audioCodec } = media
    table.push([
      key,
      kind,
      width === undefined ? '–' : `${width}×${height}`,
      durationSeconds === undefined ? '–' : `${durationSeconds.toFixed(2)} s`,
      toSize(sizeBytes),
      [codec, audioCodec].filter(Boolean).join(' + ') || '–',
      seconds.toFixed(1),
    ])
  }
  return table.toString()
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']

/** 1536 → `1.5 KiB`. */
export function toSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`
}
