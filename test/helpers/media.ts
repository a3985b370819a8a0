import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { orientations, setMatrix } from '../media/synthetic/boxes.ts'
import { temporaryFolder } from './folder.ts'

const run = promisify(execFile)

export type VideoOptions = {
  /** Default 1. */
  seconds?: number
  /** Default 160. */
  width?: number
  /** Default 90. */
  height?: number
  /** Default `h264`. */
  codec?: 'h264' | 'hevc' | 'av1' | 'vp9'
  /** Default true: a 440 Hz tone. */
  audio?: boolean
  /** Rotation in the display matrix, in degrees clockwise. The coded frames are not rotated. mp4 and mov only. */
  rotate?: 90 | 180 | 270
  /** Default 25. */
  fps?: number
}

const encoders = {
  h264: ['libx264', '-preset', 'ultrafast'],
  hevc: ['libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error', '-tag:v', 'hvc1'],
  av1: ['libsvtav1', '-preset', '12'],
  vp9: ['libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'],
}

/** Creates a small video with the real ffmpeg: a test pattern with a clock, and a tone. The container depends on the file name. */
export async function makeVideo(path: string, options: VideoOptions = {}): Promise<void> {
  const { seconds = 1, width = 160, height = 90, codec = 'h264', audio = true, rotate, fps = 25 } = options
  const audioEncoder = path.endsWith('.webm') ? ['-c:a', 'libopus'] : ['-c:a', 'aac', '-ar', '48000']
  const video = ['-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${fps}:duration=${seconds}`]
  const tone = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${seconds}`]
  const pixelFormat = width % 2 || height % 2 ? 'yuv444p' : 'yuv420p'
  const videoEncoder = ['-pix_fmt', pixelFormat, '-c:v', ...encoders[codec]]
  await ffmpeg([...video, ...(audio ? tone : []), ...videoEncoder, ...(audio ? audioEncoder : []), path])
  if (rotate !== undefined) await setRotation(path, rotate)
}

/** Creates an audio file with a tone. */
export async function makeAudio(path: string, { seconds = 1 }: { seconds?: number } = {}): Promise<void> {
  await ffmpeg(['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`, path])
}

/** The part of ffprobe's output that tests read. */
export type ProbedFile = {
  format: { format_name: string; duration?: string; start_time?: string; tags?: Record<string, string> }
  streams: ProbedStream[]
  chapters: { start_time: string; end_time: string; tags?: Record<string, string> }[]
}

export type ProbedStream = {
  index: number
  codec_type: string
  codec_name?: string
  codec_tag_string?: string
  profile?: string
  width?: number
  height?: number
  pix_fmt?: string
  sample_aspect_ratio?: string
  field_order?: string
  color_range?: string
  color_space?: string
  color_transfer?: string
  color_primaries?: string
  channels?: number
  sample_rate?: string
  tags?: Record<string, string>
  disposition?: Record<string, number>
  side_data_list?: { side_data_type: string; rotation?: number }[]
}

/** Runs ffprobe on a file, without the code under test. */
export async function probeFile(path: string): Promise<ProbedFile> {
  const sections = ['-show_format', '-show_streams', '-show_chapters']
  const { stdout } = await run('ffprobe', ['-v', 'error', '-print_format', 'json', ...sections, path])
  return JSON.parse(stdout) as ProbedFile
}

/** A square region of a frame, in fractions of its width and height. */
export type Region = { x: number; y: number; size: number }
export type Colour = [red: number, green: number, blue: number]

/** Returns the average colour of a region of the first frame. */
export async function readColour(path: string, region: Region): Promise<Colour> {
  const [colour = [0, 0, 0]] = await readColours(path, [region])
  return colour
}

/** Returns the average colours of regions of the first frame, with a single run of ffmpeg. */
export async function readColours(path: string, regions: readonly Region[]): Promise<Colour[]> {
  const crops = regions.map(({ x, y, size }, n) => {
    const crop = `crop=iw*${size}:ih*${size}:iw*${x}:ih*${y}`
    return `[i${n}]${crop},scale=1:1:flags=area,format=rgb24[o${n}]`
  })
  const [inputs, outputs] = ['i', 'o'].map((letter) => regions.map((_, n) => `[${letter}${n}]`).join(''))
  const graph = [
    `[0:v:0]trim=end_frame=1,split=${regions.length}${inputs}`,
    ...crops,
    `${outputs}${regions.length === 1 ? 'null' : `hstack=${regions.length}`}`,
  ]
  const raw = ['-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', path, '-filter_complex', graph.join(';'), ...raw], {
    encoding: 'buffer',
  })
  return regions.map((_, n) => [stdout[3 * n] ?? 0, stdout[3 * n + 1] ?? 0, stdout[3 * n + 2] ?? 0])
}

export async function ffmpeg(options: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...options])
}

/** Writes the display matrix into the header of the first track. ffmpeg has no option for it that all its versions share. */
async function setRotation(path: string, degrees: 90 | 180 | 270): Promise<void> {
  await writeFile(
    path,
    setMatrix(await readFile(path), orientations[{ 90: 6, 180: 3, 270: 8 }[degrees]] ?? [1, 0, 0, 1]),
  )
}

let tiny: Promise<Buffer> | undefined

/** Returns a video of one second. It is created once per test file. */
export function tinyVideo(): Promise<Buffer> {
  return (tiny ??= createVideo({}))
}

const long = new Map<number, Promise<Buffer>>()

/** Returns a video of `seconds` (default 8). It is created once per test file. */
export function longVideo(seconds = 8): Promise<Buffer> {
  const video = long.get(seconds) ?? createVideo({ seconds, fps: 5 })
  long.set(seconds, video)
  return video
}

/** Returns an 8K video of two frames. */
export function largeVideo(): Promise<Buffer> {
  return createVideo({ width: 7680, height: 4320, fps: 2, audio: false })
}

async function createVideo(options: VideoOptions): Promise<Buffer> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'video.mp4')
  await makeVideo(path, options)
  return await readFile(path)
}
