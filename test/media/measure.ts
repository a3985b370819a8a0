/** Measures the content of files with ffprobe and ffmpeg, independently of the code under test. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { ProbedFile, ProbedStream } from '../helpers/media.ts'

const run = promisify(execFile)
const MAX_BUFFER = 2 ** 28

export type Stream = ProbedStream

/** A decoded video or audio frame, with the timestamps of the file. */
export type Frame = { stream_index: number; seconds: number; endSeconds: number; interlaced: boolean }

export type Packet = { stream_index: number; ptsSeconds: number | null; dtsSeconds: number | null; sizeBytes: number }

export type Measured = ProbedFile & { packets: Packet[]; frames: Frame[] }

type Raw = ProbedFile & { packets_and_frames?: Record<string, string | number>[] }

const entries = [
  'format:stream:stream_tags:stream_disposition:stream_side_data=side_data_type,rotation:chapter:chapter_tags',
  'packet=stream_index,pts_time,dts_time,size',
  'frame=stream_index,best_effort_timestamp_time,pkt_duration_time,duration_time,nb_samples,interlaced_frame',
].join(':')

/** Results by path, size and modification time. Most of the cost of a short file is the start of ffprobe. */
const cache = new Map<string, Promise<Measured>>()

/** Reads and decodes the whole file once. Errors of the decoders are ignored; only decoded frames count. */
export async function measure(path: string): Promise<Measured> {
  const { size, mtimeMs } = await stat(path)
  const id = `${path} ${size} ${mtimeMs}`
  const measured = cache.get(id) ?? decode(path)
  cache.set(id, measured)
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
      // frames that a decoder flushes at the end have no timestamp: they follow the previous frame
      const frame = toFrame(row, { rate: rates.get(row.stream_index), previousEnd: ends.get(row.stream_index) ?? 0 })
      ends.set(row.stream_index, frame.endSeconds)
      return frame
    })
  const duration = format.format_name.startsWith('mov,') ? await readMovieSeconds(path) : undefined
  return { format: { ...format, ...(duration && { duration }) }, streams, chapters, packets, frames }
}

/** Returns the duration in the header of an mp4. Since ffmpeg 6, ffprobe reports that of the longest track instead. */
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
  { rate, previousEnd }: { rate: number | undefined; previousEnd: number },
): Frame {
  const seconds = toNumber(row.best_effort_timestamp_time) ?? previousEnd
  const samples = Number(row.nb_samples)
  const duration =
    samples > 0 && rate !== undefined && rate > 0
      ? samples / rate
      : (toNumber(row.duration_time ?? row.pkt_duration_time) ?? 0)
  const interlaced = Number(row.interlaced_frame) === 1
  return { stream_index: row.stream_index, seconds, endSeconds: seconds + duration, interlaced }
}

function toNumber(value: string | number | undefined): number | null {
  return value === undefined || Number.isNaN(Number(value)) ? null : Number(value)
}

export type Span = { first: number; end: number; count: number }

/** Returns the start of the first frame and the end of the last, in seconds, or null when no frame is decoded. */
export function spanOf({ frames }: Measured, index: number): Span | null {
  const own = frames.filter(({ stream_index }) => stream_index === index)
  if (own.length === 0) return null
  const first = Math.min(...own.map(({ seconds }) => seconds))
  // ffprobe 9 gives some frames the duration of another: only that of the last one counts
  const last = Math.max(...own.map(({ seconds }) => seconds))
  const ends = own.filter(({ seconds }) => seconds === last).map(({ endSeconds }) => endSeconds)
  return { first, end: Math.max(...ends), count: own.length }
}

/** Returns the first stream of a kind, except cover art. */
export function streamOf({ streams }: Pick<Measured, 'streams'>, kind: string): Stream | undefined {
  return streams.find(({ codec_type, disposition }) => codec_type === kind && disposition?.attached_pic !== 1)
}

/** Describes missing, duplicate and non-monotonic timestamps. */
export function findTimestampDefects({ packets, streams }: Measured): string[] {
  return streams
    .filter(({ codec_type }) => codec_type === 'video' || codec_type === 'audio')
    .flatMap(({ index, codec_type }) => {
      const own = packets.filter(({ stream_index }) => stream_index === index)
      const decodeTimes = own.map(({ dtsSeconds, ptsSeconds }) => dtsSeconds ?? ptsSeconds)
      const presentationTimes = own.map(({ ptsSeconds }) => ptsSeconds)
      const defects: string[] = []
      if (decodeTimes.includes(null)) defects.push(`${codec_type} packets without a timestamp`)
      if (decodeTimes.some((time, n) => n > 0 && (time ?? 0) <= (decodeTimes[n - 1] ?? 0)))
        defects.push(`${codec_type} decode timestamps that do not increase`)
      if (new Set(presentationTimes).size !== presentationTimes.length)
        defects.push(`two ${codec_type} packets with the same timestamp`)
      return defects
    })
}

/** Returns the rotation that a player must apply, in degrees. */
export function rotationOf({ side_data_list = [], tags }: Stream): number {
  const matrix = side_data_list.find(({ rotation }) => rotation !== undefined)
  return matrix?.rotation ?? Number(tags?.rotate ?? 0)
}

export type Comparison = {
  /** The file to check, and its source. */
  output: string
  source: string
  /** Stream of the source; default its first video stream. */
  stream?: string
  /** Filters that turn the source into the expected output. Both are compared as RGB. */
  filters: readonly string[]
  /** Whether only luma is compared. */
  lumaOnly?: boolean
  /** The SSIM that is sufficient. */
  enough: number
}

/**
 * Returns the structural similarity (SSIM) of a video to a reference decode of its source; 1 is identical. Frames are
 * paired by their timestamps from the start of the file, or from the first frame of each where that gives a low value.
 */
export async function readSsim(comparison: Comparison): Promise<number> {
  const byFile = await compare(comparison, '')
  if (byFile >= comparison.enough) return byFile
  return Math.max(byFile, await compare(comparison, '-STARTPTS'))
}

/** The reference is shifted 4 ms earlier, so that rounded timestamps are paired with the right frame. */
async function compare(comparison: Comparison, origin: string): Promise<number> {
  const { output, source, stream = 'v:0', filters, lumaOnly = false } = comparison
  const format = lumaOnly ? 'extractplanes=y' : 'format=gbrp'
  const reference = [...filters, 'format=yuv420p', format, 'setsar=1', 'settb=AVTB', `setpts=PTS${origin}-4000`]
  const graph = `[0:v:0]${format},settb=AVTB,setpts=PTS${origin}[a];[1:${stream}]${reference.join(',')}[b];[a][b]ssim`
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
  if (all === undefined) throw new Error(`ffmpeg printed no SSIM:\n${stderr}`)
  return Number(all)
}

/**
 * Returns the average difference of neighbouring lines, 0 to 255, in a video of vertical bars. It is 0 unless frames
 * combine fields of two times.
 */
export async function readCombing(path: string): Promise<number> {
  const [width, height] = [256, 128]
  const output = ['-vf', `crop=${width}:${height}`, '-an', '-f', 'rawvideo', '-pix_fmt', 'gray', '-']
  const args = ['-nostdin', '-v', 'error', '-i', `file:${path}`, ...output]
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: MAX_BUFFER })
  let sum = 0
  let count = 0
  for (let at = 0; at + width < stdout.length; at++) {
    if (at % (width * height) >= width * (height - 1)) continue // the last line of a frame
    sum += Math.abs((stdout[at] ?? 0) - (stdout[at + width] ?? 0))
    count++
  }
  if (count === 0) throw new Error(`${path} has no video`)
  return sum / count
}

/** Returns the integrated loudness in LUFS (EBU R128), measured with ffmpeg. */
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
