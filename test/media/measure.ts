/** What a file really holds, by ffprobe and ffmpeg alone: nothing in here knows the code under test. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { ProbedFile, ProbedStream } from '../helpers/media.ts'

const run = promisify(execFile)
const MAX_BUFFER = 2 ** 28

export type Stream = ProbedStream

/** A decoded picture or piece of sound, in the file's own time. */
export type Frame = { stream_index: number; seconds: number; endSeconds: number; interlaced: boolean }

export type Packet = { stream_index: number; ptsSeconds: number | null; dtsSeconds: number | null; sizeBytes: number }

export type Measured = ProbedFile & { packets: Packet[]; frames: Frame[] }

type Raw = ProbedFile & { packets_and_frames?: Record<string, string | number>[] }

const entries = [
  'format:stream:stream_tags:stream_disposition:stream_side_data=side_data_type,rotation:chapter:chapter_tags',
  'packet=stream_index,pts_time,dts_time,size',
  'frame=stream_index,best_effort_timestamp_time,pkt_duration_time,duration_time,nb_samples,interlaced_frame',
].join(':')

/** What has been measured, by path, size and time of change: starting ffprobe costs more than most files do. */
const known = new Map<string, Promise<Measured>>()

/** Reads and decodes the whole file once. Complaints of the decoders are passed over: what came out is what counts. */
export async function measure(path: string): Promise<Measured> {
  const { size, mtimeMs } = await stat(path)
  const id = `${path} ${size} ${mtimeMs}`
  const measured = known.get(id) ?? decode(path)
  known.set(id, measured)
  return measured
}

async function decode(path: string): Promise<Measured> {
  const args = ['-v', 'quiet', '-print_format', 'json', '-show_entries', entries, `file:${path}`]
  const { stdout } = await run('ffprobe', args, { maxBuffer: MAX_BUFFER })
  const { packets_and_frames: all = [], format, streams, chapters } = JSON.parse(stdout) as Raw
  const rates = new Map(streams.map(({ index, sample_rate }) => [index, Number(sample_rate)]))
  const rows = all as (Record<string, string | number> & { stream_index: number })[]
  const packets = rows.filter(({ type }) => type === 'packet').map(toPacket)
  const ends = new Map<number, number>()
  const frames = rows
    .filter((row) => row.type === 'frame')
    .map((row) => {
      // what a decoder still holds at the end comes without a time: it follows what came before
      const frame = toFrame(row, { rate: rates.get(row.stream_index), follows: ends.get(row.stream_index) ?? 0 })
      ends.set(row.stream_index, frame.endSeconds)
      return frame
    })
  const duration = format.format_name.startsWith('mov,') ? await readMovieSeconds(path) : undefined
  return { format: { ...format, ...(duration && { duration }) }, streams, chapters, packets, frames }
}

/** The duration in the header of an mp4, which ffprobe reports until ffmpeg 5, and later that of the longest index. */
async function readMovieSeconds(path: string): Promise<string | undefined> {
  const bytes = await readFile(path)
  const at = bytes.indexOf('mvhd')
  if (at < 0 || bytes[at + 4] !== 0) return undefined
  return String(bytes.readUInt32BE(at + 20) / bytes.readUInt32BE(at + 16))
}

function toPacket(row: Record<string, string | number> & { stream_index: number }): Packet {
  const { stream_index, pts_time, dts_time, size } = row
  return { stream_index, ptsSeconds: toNumber(pts_time), dtsSeconds: toNumber(dts_time), sizeBytes: Number(size) }
}

function toFrame(
  row: Record<string, string | number> & { stream_index: number },
  { rate, follows }: { rate: number | undefined; follows: number },
): Frame {
  const seconds = toNumber(row.best_effort_timestamp_time) ?? follows
  const samples = Number(row.nb_samples)
  const lasts =
    samples > 0 && rate !== undefined && rate > 0
      ? samples / rate
      : (toNumber(row.duration_time ?? row.pkt_duration_time) ?? 0)
  const interlaced = Number(row.interlaced_frame) === 1
  return { stream_index: row.stream_index, seconds, endSeconds: seconds + lasts, interlaced }
}

function toNumber(value: string | number | undefined): number | null {
  return value === undefined || Number.isNaN(Number(value)) ? null : Number(value)
}

export type Span = { first: number; end: number; count: number }

/** When the first frame of a stream is shown or heard and the last is over, in seconds; null when none decodes. */
export function spanOf({ frames }: Measured, index: number): Span | null {
  const own = frames.filter(({ stream_index }) => stream_index === index)
  if (own.length === 0) return null
  const first = Math.min(...own.map(({ seconds }) => seconds))
  return { first, end: Math.max(...own.map(({ endSeconds }) => endSeconds)), count: own.length }
}

/** The first stream of a kind; pictures that are only attached count as none. */
export function streamOf({ streams }: Pick<Measured, 'streams'>, kind: string): Stream | undefined {
  return streams.find(({ codec_type, disposition }) => codec_type === kind && disposition?.attached_pic !== 1)
}

/** Where decode times fall, or two pictures have one time: what players stumble over. */
export function findTimeFlaws({ packets, streams }: Measured): string[] {
  return streams
    .filter(({ codec_type }) => codec_type === 'video' || codec_type === 'audio')
    .flatMap(({ index, codec_type }) => {
      const own = packets.filter(({ stream_index }) => stream_index === index)
      const decoded = own.map(({ dtsSeconds, ptsSeconds }) => dtsSeconds ?? ptsSeconds)
      const shown = own.map(({ ptsSeconds }) => ptsSeconds)
      const flaws: string[] = []
      if (decoded.includes(null)) flaws.push(`${codec_type} packets without a time`)
      if (decoded.some((time, n) => n > 0 && (time ?? 0) <= (decoded[n - 1] ?? 0)))
        flaws.push(`${codec_type} decode times that do not grow`)
      if (new Set(shown).size !== shown.length) flaws.push(`two ${codec_type} packets of one time`)
      return flaws
    })
}

/** Degrees that a player would still have to turn it; 0 when none. */
export function rotationOf({ side_data_list = [], tags }: Stream): number {
  const matrix = side_data_list.find(({ rotation }) => rotation !== undefined)
  return matrix?.rotation ?? Number(tags?.rotate ?? 0)
}

export type Comparison = {
  /** The file to judge, and where its picture comes from. */
  output: string
  source: string
  /** Stream of the source; default its first video stream. */
  stream?: string
  /** Filters that make of the source what the output should be; both are compared as RGB, as a screen shows them. */
  filters: readonly string[]
  /** Whether only the light is compared, and not the colours. */
  lightOnly?: boolean
  /** A similarity that will do. */
  enough: number
}

/**
 * Structural similarity of a film to a reference decode of its source: 1 is the same. Frames are paired by their times,
 * counted from the beginning of the file or, where that does not do, from the first frame of each.
 */
export async function readSsim(comparison: Comparison): Promise<number> {
  const byFile = await compare(comparison, '')
  if (byFile >= comparison.enough) return byFile
  return Math.max(byFile, await compare(comparison, '-STARTPTS'))
}

/** The reference runs 4 ms earlier, so that rounded times find their own frame. */
async function compare(comparison: Comparison, origin: string): Promise<number> {
  const { output, source, stream = 'v:0', filters, lightOnly = false } = comparison
  const seen = lightOnly ? 'extractplanes=y' : 'format=gbrp'
  const reference = [...filters, 'format=yuv420p', seen, 'setsar=1', 'settb=AVTB', `setpts=PTS${origin}-4000`]
  const graph = `[0:v:0]${seen},settb=AVTB,setpts=PTS${origin}[a];[1:${stream}]${reference.join(',')}[b];[a][b]ssim`
  const inputs = ['-i', `file:${output}`, '-i', `file:${source}`]
  const { stderr } = await run(
    'ffmpeg',
    [
      '-nostdin',
      '-hide_banner',
      '-nostats',
      ...inputs,
      '-filter_complex',
      graph,
      '-fps_mode',
      'passthrough',
      '-f',
      'null',
      '-',
    ],
    { maxBuffer: MAX_BUFFER },
  )
  const all = /SSIM .* All:([\d.]+)/.exec(stderr)?.[1]
  if (all === undefined) throw new Error(`ffmpeg compared nothing:\n${stderr}`)
  return Number(all)
}

/**
 * How much neighbouring lines differ (0 to 255, on average) in a film of upright bars: nothing, unless half-pictures of two
 * times were woven together.
 */
export async function readCombing(path: string): Promise<number> {
  const [width, height] = [256, 128]
  const picture = ['-vf', `crop=${width}:${height}`, '-an', '-f', 'rawvideo', '-pix_fmt', 'gray', '-']
  const args = ['-nostdin', '-v', 'error', '-i', `file:${path}`, ...picture]
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: MAX_BUFFER })
  let sum = 0
  let count = 0
  for (let at = 0; at + width < stdout.length; at++) {
    if (at % (width * height) >= width * (height - 1)) continue // the last line of a picture
    sum += Math.abs((stdout[at] ?? 0) - (stdout[at + width] ?? 0))
    count++
  }
  if (count === 0) throw new Error(`${path} has no picture`)
  return sum / count
}

/** Integrated loudness in LUFS (EBU R128), by ffmpeg's meter. */
export async function readLoudness(path: string): Promise<number> {
  const args = [
    '-nostdin',
    '-hide_banner',
    '-nostats',
    '-i',
    `file:${path}`,
    '-map',
    '0:a:0',
    '-af',
    'ebur128',
    '-f',
    'null',
    '-',
  ]
  const { stderr } = await run('ffmpeg', args, { maxBuffer: MAX_BUFFER })
  return Number(/Integrated loudness:\s+I:\s+(-?[\d.]+) LUFS/.exec(stderr)?.[1])
}
