import { dirname } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'
import { openFile, readAt, type OpenFile } from './bytes.ts'
import { findTracks } from './analysis.ts'
import { readBoxes } from './mp4/boxes.ts'
import { createExplain, dolbyVisionError, encryptedError, heifError, isHeifImage, streamsError } from './explain.ts'
import { readContainer } from './extent/container.ts'
import { readMappedShare } from './mpegts/program-map.ts'
import { INPUT_HEAD_BYTES, toAnalysisOptions, toFileUrl, toInputOptions, type InputLimits } from '../programs/input.ts'
import { findEmpty, FIRST_PACKETS, hasPackets, withoutEmpty } from './empty.ts'
import { toMastering } from './mastering.ts'
import { readProfile } from './still/profile.ts'
import { readTracks, withTracks, type TrackBoxes } from './mp4/track-boxes.ts'
import { isHdr, isStill, type Probe, type VideoStream } from '../vocabulary/media.ts'
import {
  findUnreadable,
  hasAlphaMark,
  isDolbyVisionOnly,
  isEncrypted,
  toFrameOrientation,
  NO_CODEC_NAME,
  parseProbe,
  toContainerId,
  withCodedFields,
  type Unreadable,
} from './parse.ts'
import { capture, CaptureError } from '../programs/capture.ts'
import { readScrambling } from './mpegts/scrambling.ts'
import { toLaunchError } from '../programs/launch.ts'
import { toRunEnvironment, type Programs } from '../programs/programs.ts'
import { printed } from '../programs/printed/lines.ts'
import { classify, createTail } from '../programs/printed/stderr.ts'

const PROBE_SECONDS = 30

/** The fields that are read, and no others: a file with a thousand streams or a megabyte of tags prints little. */
const entries = [
  'format=format_name,duration,start_time',
  [
    'stream=index,id,codec_type,codec_name,codec_tag_string,profile,width,height,pix_fmt,sample_aspect_ratio',
    'field_order,color_range,color_space,color_transfer,color_primaries,avg_frame_rate,r_frame_rate',
    'start_time,duration,nb_frames,channels,channel_layout,sample_rate',
  ].join(','),
  'stream_disposition',
  'stream_tags=rotate,language,DURATION,enc_key_id,alpha_mode',
  'stream_side_data=side_data_type,displaymatrix,rotation,dv_profile,dv_bl_signal_compatibility_id,projection,type',
  'chapter=id:packet=stream_index',
].join(':')

export type Inspect = (path: string, signal?: AbortSignal) => Promise<Probe>

/**
 * Creates the function that inspects a file with ffprobe, with the restrictions of {@link toInputOptions} because the file
 * is untrusted.
 *
 * @throws MediadError `input.empty`, `input.not_media`, `input.corrupt`, `input.truncated`, `input.encrypted`,
 * `input.no_av`, `input.unsupported_codec`, `input.too_many_pixels`, `input.too_many_streams`, `transient.stalled` (not
 * finished within 30 s), `internal.ffmpeg_signal`, `resource.*`; the signal's reason when it aborts.
 */
export function createInspect({ programs, limits }: { programs: Programs; limits: InputLimits }): Inspect {
  return async (path, signal) => {
    await using file = await openFile(path)
    if (file.size === 0) throw new MediadError('input.empty', 'the file is empty')
    const restrictions = toInputOptions(limits, await readAt(file, 0, INPUT_HEAD_BYTES))
    const query = (...options: string[]) =>
      runFfprobe(programs, {
        options: ['-loglevel', 'level+warning', ...restrictions, '-print_format', 'json', ...options, toFileUrl(path)],
        path,
        signal,
      })
    const boxes = await readBoxes(file)
    if (isHeifImage(boxes)) throw heifError(boxes)
    const scrambling = await readScrambling(file)
    const explain = await createExplain(file, { ...boxes, scrambling, limits })
    const first = ['-read_intervals', `%+#${FIRST_PACKETS}`]
    const queryTracks = (isLong: boolean) => query(...toAnalysisOptions(isLong), '-show_entries', entries, ...first)
    const {
      tracks: readable,
      lines,
      stderr,
      isLong,
    } = await findTracks(queryTracks).catch((error: unknown) => {
      throw explain(error)
    })
    const queryAgain = (...options: string[]) => query(...toAnalysisOptions(isLong), ...options)
    const trackBoxes = await readTracks(file, boxes.movie)
    const toPid = (index: number) => toContainerId(readable, index) ?? 0 // 0 is a table, never a track
    const isScrambled = (index: number) => scrambling.pids.has(toPid(index))
    // ffprobe reads no packet of a scrambled track
    const holdsData = async (index: number) => isScrambled(index) || (await hasPacket(queryAgain, index))
    const known = withoutEmpty(readable, await findEmpty(readable, trackBoxes, holdsData))
    if (isEncrypted(known, stderr) || boxes.encrypted) throw encryptedError()
    const parsed = withTracks(parseProbe(known, file.size, await listDecoders(known, programs)), known, trackBoxes)
    const selected = [parsed.video, parsed.audio].flatMap((track) => (track ? [track.index] : []))
    if (selected.some(isScrambled)) throw encryptedError()
    if (isDolbyVisionOnly(known, parsed.video)) throw dolbyVisionError()
    const isDurationEstimated = printed.durationEstimated.pattern.test(stderr)
    const probe: Probe = {
      ...parsed,
      ...(await readContainer(file, { probe: parsed, boxes, isDurationEstimated })),
      isDurationEstimated,
      needsLongAnalysis: isLong,
      mappedShare: parsed.format === 'mpegts' ? await readMappedShare(file, selected.map(toPid)) : 1,
      scrambled: scrambling.suspected,
    }
    try {
      checkUsable({ probe, unreadable: findUnreadable(known), lines, limits })
    } catch (error) {
      throw explain(error)
    }
    if (!probe.video) return probe
    const [hdr, still] = [isHdr(probe.video), isStill(probe)]
    if (!hdr && !still && !canHaveFields(probe.video, known, trackBoxes)) return probe
    // the orientation of a photo, the mastering metadata of HDR video and coded fields are often in the first frame only
    const firstFrame = ['-select_streams', String(probe.video.index), '-read_intervals', '%+#1', '-show_frames']
    const fields = 'frame=side_data_list,interlaced_frame,top_field_first'
    const { json: frames } = await queryAgain(...firstFrame, '-show_entries', fields)
    const found = still ? await readStill(file, frames) : hdr ? toMastering(frames) : {}
    return { ...probe, video: withCodedFields({ ...probe.video, ...found }, frames) }
  }
}

/** Lists the decoders of ffmpeg, which starts it, only for a file for which they matter. */
const listDecoders = async (json: unknown, { decoders }: Programs): Promise<ReadonlySet<string>> =>
  hasAlphaMark(json) ? await decoders() : new Set()

/** Whether only a frame shows if the video is coded as fields. */
function canHaveFields({ index, codec }: VideoStream, json: unknown, tracks: readonly TrackBoxes[]): boolean {
  const containerId = toContainerId(json, index)
  return codec === 'hevc' && !tracks.some(({ id, isFrameOnly }) => isFrameOnly && id === containerId)
}

/** Reads what ffprobe reports about an image only with its frame, or not at all. */
async function readStill(file: OpenFile, frames: unknown): Promise<Partial<VideoStream>> {
  const colourProfile = await readProfile(file)
  return { ...toFrameOrientation(frames), ...(colourProfile && { colourProfile }) }
}

/** Whether a track has a packet. One that cannot be found in time is assumed to exist: the decoders report what is wrong. */
async function hasPacket(query: (...options: string[]) => Promise<Output>, index: number): Promise<boolean> {
  const one = ['-select_streams', String(index), '-read_intervals', '%+#1', '-show_entries', 'packet=stream_index']
  try {
    return hasPackets((await query(...one)).json)
  } catch (error) {
    if (error instanceof MediadError && error.code === 'transient.stalled') return true
    throw error
  }
}

type Inspected = { probe: Probe; unreadable: Unreadable; lines: readonly string[]; limits: InputLimits }

/** Throws when the file has no track that can be decoded within the limits. */
function checkUsable({ probe, unreadable, lines, limits }: Inspected): void {
  if (probe.streamCount > limits.streams) throw streamsError(limits, lines)
  const { video, audio } = probe
  const codec = (video ? null : unreadable.video) ?? (audio ? null : unreadable.audio)
  if (codec === NO_CODEC_NAME) {
    const message = 'the file is corrupt: a track does not name its codec'
    throw new MediadError('input.corrupt', message, { stderr: lines })
  }
  if (codec !== null) {
    const message = `the file uses codec ${codec}, which this ffmpeg cannot decode`
    throw new MediadError('input.unsupported_codec', message, { stderr: lines })
  }
  if (!video && !audio) throw new MediadError('input.no_av', 'the file has neither video nor audio')
  if (video) checkSize(video, lines, limits)
}

function checkSize({ width, height }: VideoStream, lines: readonly string[], limits: InputLimits): void {
  // ffprobe can report a size of 0x0 for a frame that exceeds `-max_pixels`
  const isRefused = width * height === 0 && classify(lines)?.code === 'input.too_many_pixels'
  if (width * height > limits.pixels || isRefused) {
    const size = isRefused ? '' : ` (${width}x${height})`
    const message = `the frames have more than ${limits.pixels} pixels${size}: upload a smaller version, or raise limits.pixels`
    throw new MediadError('input.too_many_pixels', message, { stderr: lines })
  }
  if (width > 0 && height > 0) return
  throw new MediadError('input.corrupt', 'the file is corrupt: its frames have no size', { stderr: lines })
}

type Query = { options: readonly string[]; path: string; signal: AbortSignal | undefined }
type Output = { json: unknown; lines: string[]; stderr: string }

async function runFfprobe({ ffprobe, start }: Programs, { options, path, signal }: Query): Promise<Output> {
  const env = toRunEnvironment({ input: path, workspace: dirname(path) })
  const toSourceLines = (stderr: string) => toLines(stderr.replaceAll(path, 'source')) // a file name can look like an error
  try {
    const { stdout, stderr } = await capture(ffprobe, options, { env, seconds: PROBE_SECONDS, signal, start })
    return { json: toJson(stdout), lines: toSourceLines(stderr), stderr }
  } catch (error) {
    if (error instanceof CaptureError) throw toError(error, toSourceLines(error.stderr))
    throw error
  }
}

function toLines(stderr: string): string[] {
  const tail = createTail()
  tail.write(stderr)
  return tail.lines()
}

/** Parses JSON. Returns null for invalid JSON, which then counts as a file without streams. */
function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Returns the error for a failed ffprobe: the file is the cause, unless something shows that the machine is. */
function toError({ end, signal, cause }: CaptureError, lines: readonly string[]): MediadError {
  if (end === 'overflow')
    return new MediadError('input.corrupt', 'the file is corrupt: ffprobe printed more than 16 MiB about it', {
      stderr: lines,
    })
  if (end === 'start') return toLaunchError('ffprobe', cause as Error)
  if (end === 'timeout')
    return new MediadError('transient.stalled', `ffprobe did not finish within ${PROBE_SECONDS} s`, { stderr: lines })
  if (end === 'signal')
    return new MediadError('internal.ffmpeg_signal', `ffprobe was terminated by ${signal}`, { stderr: lines })
  const known = classify(lines)
  return new MediadError(
    known?.code ?? 'input.not_media',
    known?.message ?? 'the file is not recognised as audio or video',
    { stderr: lines },
  )
}
