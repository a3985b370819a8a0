import { execFile, type ExecFileException } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'
import { readDeclaredBytes } from './announced.ts'
import { readBoxes, type Boxes } from './boxes.ts'
import { toFileUrl, toInputOptions, type InputLimits } from '../programs/input.ts'
import { toMastering } from './mastering.ts'
import { isHdr, isStill, type Probe, type VideoStream } from '../vocabulary/media.ts'
import {
  findUnreadable,
  isDolbyOnly,
  isEncrypted,
  toFrameOrientation,
  NAMELESS,
  parseProbe,
  withoutUndecodable,
  type Unreadable,
} from './parse.ts'
import { toLaunchError } from '../programs/launch.ts'
import { toRunEnvironment, type Programs } from '../programs/programs.ts'
import { printed } from '../programs/printed-lines.ts'
import { classify, createTail } from '../programs/stderr.ts'

const PROBE_SECONDS = 30
const MAX_OUTPUT_BYTES = 16 * 2 ** 20

/** Only what is read: a file with a thousand streams, or tags of a megabyte, makes no document of megabytes. */
const wanted = [
  'format=format_name,duration,start_time',
  [
    'stream=index,codec_type,codec_name,codec_tag_string,profile,width,height,pix_fmt,sample_aspect_ratio',
    'field_order,color_range,color_space,color_transfer,color_primaries,avg_frame_rate,r_frame_rate',
    'start_time,duration,nb_frames,channels,channel_layout,sample_rate',
  ].join(','),
  'stream_disposition',
  'stream_tags=rotate,language,DURATION,enc_key_id,alpha_mode',
  'stream_side_data=displaymatrix,rotation,dv_profile,dv_bl_signal_compatibility_id',
  'chapter=id',
].join(':')

export type Inspect = (path: string, signal?: AbortSignal) => Promise<Probe>

/**
 * Makes the function that looks into a file with ffprobe, hardened like everything that reads what somebody uploaded.
 *
 * @throws MediadError `input.empty`, `input.not_media`, `input.corrupt`, `input.encrypted`, `input.no_av`,
 * `input.unsupported_codec`, `input.too_many_pixels`, `input.too_many_streams`, `transient.stalled` (no answer within
 * 30 s), `internal.ffmpeg_signal`, `resource.*`; the signal's reason when it aborts.
 */
export function createInspect({ programs, limits }: { programs: Programs; limits: InputLimits }): Inspect {
  return async (path, signal) => {
    const { size } = await stat(path)
    if (size === 0) throw new MediadError('input.empty', 'the file is empty')
    const restrictions = await toInputOptions(path, limits)
    const look = (...options: string[]) =>
      ask(programs.ffprobe, {
        options: ['-loglevel', 'level+warning', ...restrictions, '-print_format', 'json', ...options, toFileUrl(path)],
        path,
        signal,
      })
    const boxes = await readBoxes(path)
    const { json, lines, stderr } = await look('-show_entries', wanted).catch((error: unknown) => {
      throw explain(error, { ...boxes, limits })
    })
    const known = withoutUndecodable(json, stderr)
    if (isEncrypted(known) || boxes.encrypted) throw toEncrypted()
    if (isDolbyOnly(known))
      throw new MediadError(
        'input.unsupported_codec',
        'the file is Dolby Vision without a picture for ordinary screens',
      )
    const declaredBytes = await readDeclaredBytes(path)
    const truncated = boxes.cut || (declaredBytes ?? 0) > size
    const parsed = parseProbe(known, size, await programs.decoders())
    const probe: Probe = {
      ...parsed,
      durationSeconds: boxes.durationSeconds ?? parsed.durationSeconds,
      truncated,
      declaredBytes,
      isDurationEstimated: printed.lengthGuessed.pattern.test(stderr),
    }
    refuseUnusable({ probe, unreadable: findUnreadable(known), lines, limits })
    if (!probe.video) return probe
    if (!isHdr(probe.video) && !isStill(probe)) return probe
    // how a photo lies, and what HDR screens need to know of a film, is often told in the first frame only
    const first = ['-select_streams', String(probe.video.index), '-read_intervals', '%+#1', '-show_frames']
    const { json: frames } = await look(...first, '-show_entries', 'frame=side_data_list')
    const found = isStill(probe) ? toFrameOrientation(frames) : { mastering: toMastering(frames) }
    return { ...probe, video: { ...probe.video, ...found } }
  }
}

type Found = { probe: Probe; unreadable: Unreadable; lines: readonly string[]; limits: InputLimits }

function refuseUnusable({ probe, unreadable, lines, limits }: Found): void {
  if (probe.streamCount > limits.streams) throw toTooManyStreams(limits, lines)
  const { video, audio } = probe
  const codec = (video ? null : unreadable.video) ?? (audio ? null : unreadable.audio)
  if (codec === NAMELESS) {
    const message = 'the file is damaged: a track does not say how it is coded'
    throw new MediadError('input.corrupt', message, { stderr: lines })
  }
  if (codec !== null) {
    const message = `the file is coded as ${codec}, which this ffmpeg cannot decode`
    throw new MediadError('input.unsupported_codec', message, { stderr: lines })
  }
  if (!video && !audio) throw new MediadError('input.no_av', 'the file has neither a picture nor sound')
  if (video) refuseUnusableSize(video, lines, limits)
}

function refuseUnusableSize({ width, height }: VideoStream, lines: readonly string[], limits: InputLimits): void {
  // a picture that was refused for its size may come without one
  const refused = width * height === 0 && classify(lines)?.code === 'input.too_many_pixels'
  if (width * height > limits.pixels || refused) {
    const size = refused ? '' : ` (${width}x${height})`
    const message = `its pictures have more than ${limits.pixels} pixels${size}: upload a smaller version, or raise limits.pixels`
    throw new MediadError('input.too_many_pixels', message, { stderr: lines })
  }
  if (width > 0 && height > 0) return
  throw new MediadError('input.corrupt', 'its pictures have no size: the file is damaged', { stderr: lines })
}

function toTooManyStreams({ streams }: InputLimits, stderr: readonly string[]): MediadError {
  const message = `the file has more than ${streams} streams: upload one with fewer, or raise limits.streams`
  return new MediadError('input.too_many_streams', message, { stderr })
}

function toEncrypted(): MediadError {
  return new MediadError('input.encrypted', 'the file is encrypted: upload it without its copy protection')
}

/** Still pictures in mp4's boxes, which ffmpeg takes for mp4s without an index. */
const heif: ReadonlySet<string> = new Set('heic heix hevc hevx heim heis mif1 msf1 avif avis'.split(' '))

/** What the boxes know better than ffprobe, of a file that it cannot read. */
function explain(error: unknown, { brand, cut, encrypted, limits }: Boxes & { limits: InputLimits }): unknown {
  if (!(error instanceof MediadError && error.code.startsWith('input.'))) return error
  if (encrypted) return toEncrypted()
  const { stderr } = error
  if (error.code === 'input.too_many_streams') return toTooManyStreams(limits, stderr)
  if (brand !== null && heif.has(brand)) {
    const message = `the file is a picture coded as ${brand}, which this ffmpeg cannot decode: upload it as JPEG or PNG`
    return new MediadError('input.unsupported_codec', message, { stderr })
  }
  if (cut) return new MediadError('input.truncated', 'the file ends too early: the upload was incomplete', { stderr })
  if (brand === null || error.code !== 'input.not_media') return error
  return new MediadError('input.corrupt', 'the file is an MP4 whose index is damaged', { stderr })
}

type Question = { options: readonly string[]; path: string; signal: AbortSignal | undefined }
type Answer = { json: unknown; lines: string[]; stderr: string }

function ask(program: string, { options, path, signal }: Question): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const limits = { timeout: PROBE_SECONDS * 1000, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES } as const
  const env = toRunEnvironment({ input: path, workspace: dirname(path) })
  execFile(program, options, { ...limits, env, ...(signal && { signal }) }, (error, stdout, stderr) => {
    const lines = toLines(stderr.replaceAll(path, 'source')) // it may be called like an error message
    if (error === null) resolve({ json: toJson(stdout), lines, stderr })
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
