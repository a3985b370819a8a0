/** Rows of the media tests: each has the expected result for one file. Common rules apply to all outputs. */
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import type { FileBench, Ran, Succeeded } from '../helpers/run-file.ts'
import {
  findTimestampDefects,
  measure,
  readSsim,
  rotationOf,
  spanOf,
  streamOf,
  type Measured,
  type Stream,
} from './measure.ts'

/** The file is rejected with this error code, and with a message that matches. */
export type Rejection = { code: string; message?: RegExp }

export type Success = {
  /** Width and height of the video; null: the output has no video track. */
  size: readonly [width: number, height: number] | null
  /** Whether the output has an audio track. Default true. */
  audio?: boolean
  /** Indices of the source streams that the output is made from; default the first of each kind. */
  from?: { video?: number; audio?: number }
  /** Minimum SSIM to a reference decode; default: the video is not compared. */
  ssim?: number
  /** Whether only luma is compared. */
  lumaOnly?: boolean
  /** Filters of the reference decode, before it is scaled to the output's size. */
  reference?: readonly string[]
  /** Allowed duration, in seconds, for a source with unreliable timestamps; default: the duration of the source. */
  duration?: readonly [min: number, max: number]
  /** One pattern for each expected warning; default none. */
  warnings?: readonly RegExp[]
  /** Plugins that are skipped, and the reason. */
  skipped?: Readonly<Record<string, RegExp>>
  chapters?: number
}

export type Row = { expect: Rejection | Success; transcode?: Parameters<typeof transcode>[0] }

export type Rows = Readonly<Record<string, Row>>

export const rejected = (code: string, message?: RegExp): Row => ({ expect: { code, ...(message && { message }) } })

export const video = (width: number, height: number, more: Omit<Success, 'size'> = {}): Row => ({
  expect: { size: [width, height], ...more },
})

export const audioOnly = (more: Omit<Success, 'size'> = {}): Row => ({
  expect: { size: null, skipped: { thumbnail: /no video/ }, ...more },
})

/** Runs the usual chain on a file and checks the result against the row. Returns null for a rejected file. */
export async function checkRow(bench: FileBench, path: string, row: Row): Promise<Succeeded | null> {
  const plugins = [
    transcode({ preset: 'ultrafast', crf: 8, ...row.transcode }),
    thumbnail({ at: '10%', width: 320 }),
    upload(),
  ]
  for (const { problems } of plugins) assert.equal(problems, [])
  const result = await bench.run(path, plugins)
  if ('code' in row.expect) {
    checkRejection(result, row.expect)
    return null
  }
  if (!result.ok) throw new Error(`rejected as ${result.code}: ${result.message}\n${result.stderr.join('\n')}`)
  await checkSuccess(path, result, row.expect)
  return result
}

function checkRejection(result: Ran, { code, message }: Rejection): void {
  if (result.ok) throw new Error(`accepted, expected ${code}: ${result.warnings.join('; ')}`)
  assert.is(result.code, code, `${result.code}: ${result.message}\n${result.stderr.join('\n')}`)
  assert.is(result.verdict, 'reject')
  if (message) assert.match(result.message, message)
}

async function checkSuccess(path: string, result: Succeeded, expect: Success): Promise<void> {
  const [main, ...others] = result.outputs.filter(({ kind }) => kind === 'video' || kind === 'audio')
  assert.ok(main, 'there is a main output')
  assert.is(others.length, 0)
  const [output, source] = await Promise.all([measure(main.path), measure(path)])
  checkStreams(output, expect)
  assert.equal(findTimestampDefects(output), [])
  checkSpans({ output, source, expect })
  checkWarnings(result, expect)
  await checkThumbnail(result, expect)
  assert.is(output.chapters.length, expect.chapters ?? source.chapters.length, 'chapters')
  assert.equal(findPrivateTags(output), [])
  if (expect.ssim === undefined || expect.size === null) return
  const [width, height] = expect.size
  const stream = String(expect.from?.video ?? 'v:0')
  const filters = [...(expect.reference ?? []), `scale=${width}:${height}`]
  const ssim = await readSsim({
    output: main.path,
    source: path,
    stream,
    filters,
    enough: expect.ssim,
    lumaOnly: expect.lumaOnly ?? false,
  })
  assert.ok(ssim >= expect.ssim, `SSIM is ${ssim}, expected at least ${expect.ssim}`)
}

function checkStreams(output: Measured, { size, audio = true }: Success): void {
  const kinds = [...(size ? ['video'] : []), ...(audio ? ['audio'] : [])]
  // chapters of an mp4 are a data track
  const found = output.streams.map(({ codec_type }) => codec_type).filter((kind) => kind !== 'data')
  assert.equal(found, kinds)
  const videoStream = streamOf(output, 'video')
  if (videoStream && size) checkVideoStream(videoStream, size)
  const audioStream = streamOf(output, 'audio')
  if (audioStream) assert.equal([audioStream.codec_name, (audioStream.channels ?? 0) <= 2], ['aac', true])
}

function checkVideoStream(stream: Stream, [width, height]: readonly [number, number]): void {
  const { sample_aspect_ratio: aspect = '1:1', field_order: order = 'progressive' } = stream
  assert.equal([stream.width, stream.height], [width, height])
  assert.equal([stream.codec_name, stream.pix_fmt, aspect, order], ['h264', 'yuv420p', '1:1', 'progressive'])
  assert.is(rotationOf(stream), 0)
  assert.ok(stream.color_range === undefined || stream.color_range === 'tv', `range ${stream.color_range}`)
  for (const tag of [stream.color_transfer, stream.color_primaries, stream.color_space])
    assert.not.match(tag ?? '', /2084|b67/)
}

/** The output starts at 0, and each track ends where the decoded frames of the source end; within 50 ms. */
function checkSpans({ output, source, expect }: { output: Measured; source: Measured; expect: Success }): void {
  const origins: number[] = []
  const pairs = (['video', 'audio'] as const).flatMap((kind) => {
    const stream = streamOf(output, kind)
    const from = expect.from?.[kind] ?? streamOf(source, kind)?.index
    const span = stream && spanOf(output, stream.index)
    const sourceSpan = from === undefined ? null : spanOf(source, from)
    if (stream) assert.ok(span, `the ${kind} track can be decoded`)
    if (sourceSpan) origins.push(sourceSpan.first)
    return span ? [{ kind, span, sourceSpan }] : []
  })
  assert.ok(Math.abs(Math.min(...pairs.map(({ span }) => span.first))) <= 0.05, 'starts at 0')
  if (expect.duration) {
    const end = Math.max(...pairs.map(({ span }) => span.end))
    const [min, max] = expect.duration
    assert.ok(end >= min && end <= max, `ends at ${end} s, expected ${min} to ${max} s`)
    return
  }
  const origin = Math.min(...origins)
  for (const { kind, span, sourceSpan } of pairs) {
    const expected = sourceSpan && { first: sourceSpan.first - origin, end: sourceSpan.end - origin }
    const text = `${kind}: ${JSON.stringify(span)}, expected ${JSON.stringify(expected)}`
    // a track that starts later can be extended to the start of the output, with its first frame or with silence
    assert.ok(expected && span.first <= expected.first + 0.05 && Math.abs(span.end - expected.end) <= 0.05, text)
  }
}

function checkWarnings({ warnings, timings }: Succeeded, expect: Success): void {
  const patterns = expect.warnings ?? []
  const text = warnings.join('\n')
  for (const pattern of patterns) assert.match(text, pattern)
  const unexpected = warnings.filter((line) => !patterns.some((pattern) => pattern.test(line)))
  assert.equal(unexpected, [], 'there is no unexpected warning')
  for (const { plugin, skipped } of timings as readonly { plugin: string; skipped?: string }[]) {
    const reason = expect.skipped?.[plugin]
    if (reason) assert.match(skipped ?? 'ran', reason)
    else assert.is(skipped, undefined)
  }
}

async function checkThumbnail({ outputs }: Succeeded, { size }: Success): Promise<void> {
  const image = outputs.find(({ kind }) => kind === 'thumbnail')
  assert.is(image !== undefined, size !== null, 'there is a thumbnail exactly if there is video')
  if (!image || !size) return
  const { streams, frames } = await measure(image.path)
  assert.is(frames.length, 1)
  const scale = Math.min(1, 320 / size[0])
  for (const [n, side] of [streams[0]?.width, streams[0]?.height].entries())
    assert.ok(
      Math.abs((side ?? 0) - (size[n] ?? 0) * scale) <= 2,
      `thumbnail of ${streams[0]?.width}x${streams[0]?.height}`,
    )
}

const harmlessTags =
  /^(?:major_brand|minor_version|compatible_brands|encoder|handler_name|vendor_id|language|DURATION|ENCODER|HANDLER_NAME)$/

/** Returns the tags of a file, its streams and chapters that can identify its author, time or place. */
function findPrivateTags({ format, streams, chapters }: Measured): string[] {
  return [format, ...streams, ...chapters]
    .flatMap(({ tags }) => Object.entries(tags ?? {}))
    .filter(([name, value]) => value !== '' && !harmlessTags.test(name))
    .map(([name, value]) => `${name}=${value}`)
}
