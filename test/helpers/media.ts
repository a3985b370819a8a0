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
  /** Clockwise turn a player is told to apply; the picture in the file lies on its side. mp4 and mov only. */
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

/** Makes a small film with the real ffmpeg: a test picture with a running clock, and a tone. The container follows the path. */
export async function makeVideo(path: string, recipe: VideoOptions = {}): Promise<void> {
  const { seconds = 1, width = 160, height = 90, codec = 'h264', audio = true, rotate, fps = 25 } = recipe
  const tone = path.endsWith('.webm') ? ['-c:a', 'libopus'] : ['-c:a', 'aac', '-ar', '48000']
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${fps}:duration=${seconds}`]
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${seconds}`]
  const pixels = width % 2 || height % 2 ? 'yuv444p' : 'yuv420p'
  const coded = ['-pix_fmt', pixels, '-c:v', ...encoders[codec]]
  await ffmpeg([...picture, ...(audio ? sound : []), ...coded, ...(audio ? tone : []), path])
  if (rotate !== undefined) await turn(path, rotate)
}

/** Makes a file with a tone and no picture. */
export async function makeAudio(path: string, { seconds = 1 }: { seconds?: number } = {}): Promise<void> {
  await ffmpeg(['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`, path])
}

/** What ffprobe reports of a file, as far as tests read it. */
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

/** Everything ffprobe says of a file, not by way of the code under test. */
export async function probeFile(path: string): Promise<ProbedFile> {
  const what = ['-show_format', '-show_streams', '-show_chapters']
  const { stdout } = await run('ffprobe', ['-v', 'error', '-print_format', 'json', ...what, path])
  return JSON.parse(stdout) as ProbedFile
}

/** A part of a frame: fractions of its width and height. */
export type Part = { x: number; y: number; size: number }
export type Colour = [red: number, green: number, blue: number]

/** The average colour of a part of the first frame. */
export async function readColour(path: string, part: Part): Promise<Colour> {
  const [colour = [0, 0, 0]] = await readColours(path, [part])
  return colour
}

/** The average colours of parts of the first frame, by one ffmpeg. */
export async function readColours(path: string, parts: readonly Part[]): Promise<Colour[]> {
  const spots = parts.map(({ x, y, size }, n) => {
    const crop = `crop=iw*${size}:ih*${size}:iw*${x}:ih*${y}`
    return `[i${n}]${crop},scale=1:1:flags=area,format=rgb24[o${n}]`
  })
  const [inputs, outputs] = ['i', 'o'].map((letter) => parts.map((_, n) => `[${letter}${n}]`).join(''))
  const graph = [
    `[0:v:0]trim=end_frame=1,split=${parts.length}${inputs}`,
    ...spots,
    `${outputs}${parts.length === 1 ? 'null' : `hstack=${parts.length}`}`,
  ]
  const raw = ['-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-i', path, '-filter_complex', graph.join(';'), ...raw], {
    encoding: 'buffer',
  })
  return parts.map((_, n) => [stdout[3 * n] ?? 0, stdout[3 * n + 1] ?? 0, stdout[3 * n + 2] ?? 0])
}

export async function ffmpeg(options: readonly string[]): Promise<void> {
  await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...options])
}

/** Writes the display matrix into the header of the first track: ffmpeg's versions have no option for it in common. */
async function turn(path: string, degrees: 90 | 180 | 270): Promise<void> {
  await writeFile(
    path,
    setMatrix(await readFile(path), orientations[{ 90: 6, 180: 3, 270: 8 }[degrees]] ?? [1, 0, 0, 1]),
  )
}

let tiny: Promise<Buffer> | undefined

/** The bytes of a one-second film; made once per test file. */
export function tinyVideo(): Promise<Buffer> {
  return (tiny ??= videoBytes({}))
}

const long = new Map<number, Promise<Buffer>>()

/** The bytes of a film of eight seconds, or as many as are asked for; made once per test file. */
export function longVideo(seconds = 8): Promise<Buffer> {
  const made = long.get(seconds) ?? videoBytes({ seconds, fps: 5 })
  long.set(seconds, made)
  return made
}

/** The bytes of two pictures in 8K. */
export function largeVideo(): Promise<Buffer> {
  return videoBytes({ width: 7680, height: 4320, fps: 2, audio: false })
}

async function videoBytes(recipe: VideoOptions): Promise<Buffer> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'film.mp4')
  await makeVideo(path, recipe)
  return await readFile(path)
}
