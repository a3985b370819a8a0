import type { Segment } from './segments.ts'

/** A cue of a WebVTT file: its lines, and when it is shown, in seconds. */
type Cue = { readonly start: number; readonly end: number; readonly text: string }

/** Maps the times of cues to those of the media, which starts at 0 (RFC 8216, 3.5). */
const TIMESTAMP_MAP = 'X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0'

/** The segments of a WebVTT file, one after the other in one file. */
export type SubtitleSegments = { readonly content: Buffer; readonly segments: readonly Segment[] }

/**
 * Splits a WebVTT file into segments, each of which is a complete WebVTT file. A cue is in each segment during which it is
 * shown. Blocks before the first cue, such as styles, are in all segments.
 *
 * @param boundaries start times of the segments in seconds
 * @param end end of the last segment
 */
export function toSubtitleSegments(text: string, boundaries: readonly number[], end: number): SubtitleSegments {
  const { cues, header } = parseWebVtt(text)
  const segments: Segment[] = []
  const parts: Buffer[] = []
  let offset = 0
  for (const [n, start] of boundaries.entries()) {
    const isLast = n === boundaries.length - 1
    const until = isLast ? end : (boundaries[n + 1] ?? end)
    // the last segment also has what is shown after the media, so that nothing is lost
    const shown = cues.filter((cue) => (isLast || cue.start < until) && (n === 0 || cue.end > start))
    const part = Buffer.from(
      [['WEBVTT', TIMESTAMP_MAP].join('\n'), ...header, ...shown.map((cue) => cue.text)].join('\n\n') + '\n\n',
    )
    segments.push({ range: { offset, sizeBytes: part.length }, start, seconds: until - start })
    parts.push(part)
    offset += part.length
  }
  return { content: Buffer.concat(parts), segments }
}

const TIME = /^((?:\d+:)?\d{2}:\d{2}\.\d{3})[ \t]+-->[ \t]+((?:\d+:)?\d{2}:\d{2}\.\d{3})/m

/** What can follow `<` in the text of a cue: a tag of WebVTT, or a time. */
const TAG = /<(?!\/?(?:[bciuv]|lang|ruby|rt)[ \t.>]|(?:\d+:)?\d{2}:\d{2}\.\d{3}>)/g

/**
 * Escapes `-->` and `<` in the text of cues, which ffmpeg writes as they are in the source: players end the cue at the first, and
 * show nothing from the second to the next `>`.
 */
export function escapeCues(text: string): string {
  const lines = text.split('\n')
  return lines
    .map((line) => (TIME.test(line) ? line : line.replaceAll('-->', '--&gt;').replaceAll(TAG, '&lt;')))
    .join('\n')
}

/** Parses the blocks of a WebVTT file: those with times are cues. */
function parseWebVtt(text: string): { cues: Cue[]; header: string[] } {
  const blocks = text
    .replace(/^\uFEFF/, '')
    .replaceAll(/\r\n?/g, '\n')
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '')
  const cues: Cue[] = []
  const header: string[] = []
  for (const block of blocks.slice(1)) {
    const [, start, end] = TIME.exec(block) ?? []
    if (start !== undefined && end !== undefined)
      cues.push({ start: toSeconds(start), end: toSeconds(end), text: block })
    else if (/^(?:STYLE|REGION)\b/.test(block)) header.push(block)
  }
  return { cues, header }
}

function toSeconds(text: string): number {
  return text.split(':').reduce((total, part) => total * 60 + Number(part), 0)
}
