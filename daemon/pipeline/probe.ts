import { execFile, type ExecFileException } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { MediadError } from '../errors.ts'
import { MAX_PIXELS, toFileUrl, toInputOptions } from './input.ts'
import type { Probe, VideoStream } from './media.ts'
import { findUnreadable, parseProbe, type Unreadable } from './parse.ts'
import { toLaunchError } from './launch.ts'
import type { Programs } from './programs.ts'
import { classify, createTail } from './stderr.ts'

const PROBE_SECONDS = 30
const MAX_OUTPUT_BYTES = 16 * 2 ** 20

/** Only what is read: a file with a thousand streams, or tags of a megabyte, makes no document of megabytes. */
const wanted = [
  'format=format_name,duration',
  [
    'stream=index,codec_type,codec_name,codec_tag_string,width,height,pix_fmt,sample_aspect_ratio',
    'field_order,color_transfer,avg_frame_rate,r_frame_rate,duration,channels,sample_rate',
  ].join(','),
  'stream_disposition=default,attached_pic',
  'stream_tags=rotate',
  'stream_side_data=rotation',
].join(':')

export type ProbeFile = (path: string, signal?: AbortSignal) => Promise<Probe>

/**
 * Makes the function that looks into a file with ffprobe, hardened like everything that reads what somebody uploaded.
 *
 * @throws MediadError `input.empty`, `input.not_media`, `input.corrupt`, `input.no_av`, `input.unsupported_codec`,
 * `input.too_large` (pictures above 8K), `transient.stalled` (no answer within 30 s), `internal.ffmpeg_signal`,
 * `resource.*`; the signal's reason when it aborts.
 */
export function createProbe({ programs }: { programs: Programs }): ProbeFile {
  return async (path, signal) => {
    const { size } = await stat(path)
    if (size === 0) throw new MediadError('input.empty', 'the file is empty')
    const options = ['-loglevel', 'level+warning', ...(await toInputOptions(path)), '-print_format', 'json']
    const { json, lines } = await ask(programs.ffprobe, [...options, '-show_entries', wanted, toFileUrl(path)], signal)
    const probe = parseProbe(json, size)
    refuseUnusable(probe, findUnreadable(json), lines)
    return probe
  }
}

function refuseUnusable(probe: Probe, unreadable: Unreadable, lines: readonly string[]): void {
  const { video, audio } = probe
  const codec = (video ? null : unreadable.video) ?? (audio ? null : unreadable.audio)
  if (codec !== null) {
    const message = `the file is coded as ${codec}, which this ffmpeg cannot decode`
    throw new MediadError('input.unsupported_codec', message, { stderr: lines })
  }
  if (!video && !audio) throw new MediadError('input.no_av', 'the file has neither a picture nor sound')
  if (video) refuseUnusableSize(video, lines)
}

function refuseUnusableSize({ width, height }: VideoStream, lines: readonly string[]): void {
  // a picture that was refused for its size may come without one
  const large = width * height > MAX_PIXELS || (width * height === 0 && classify(lines)?.code === 'input.too_large')
  if (large) throw new MediadError('input.too_large', 'its pictures are larger than 8192x4320', { stderr: lines })
  if (width > 0 && height > 0) return
  throw new MediadError('input.corrupt', 'its pictures have no size: the file is damaged', { stderr: lines })
}

type Answer = { json: unknown; lines: string[] }

function ask(program: string, options: readonly string[], signal: AbortSignal | undefined): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const limits = { timeout: PROBE_SECONDS * 1000, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const
  execFile(program, options, { ...limits, ...(signal && { signal }) }, (error, stdout, stderr) => {
    const lines = toLines(stderr)
    if (error === null) resolve({ json: toJson(stdout), lines })
    else if (signal?.aborted) reject(signal.reason)
    else reject(toError(error, lines))
  })
  return promise
}

function toLines(stderr: string): string[] {
  const tail = createTail()
  tail.write(stderr)
  return tail.lines()
}

/** What is no JSON says nothing, and the file counts as one without streams. */
function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** That ffprobe cannot read a file is the file's fault, unless something says that it is the machine's. */
function toError(error: ExecFileException, lines: readonly string[]): MediadError {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return new MediadError('input.corrupt', 'the file is damaged: ffprobe complains without end', { stderr: lines })
  if (typeof error.code === 'string') return toLaunchError('ffprobe', error)
  if (error.killed)
    return new MediadError('transient.stalled', `ffprobe did not answer within ${PROBE_SECONDS} s`, { stderr: lines })
  if (error.signal)
    return new MediadError('internal.ffmpeg_signal', `ffprobe was ended by ${error.signal}`, { stderr: lines })
  const known = classify(lines)
  return new MediadError(
    known?.code ?? 'input.not_media',
    known?.message ?? 'the file is not recognised as audio or video',
    { stderr: lines },
  )
}
