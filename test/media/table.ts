/** One row says what has to become of one file; every film that comes out is held to the same rules besides. */
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import type { FileBench, Ran, Succeeded } from '../helpers/run-file.ts'
import {
  findTimeFlaws,
  measure,
  readSsim,
  rotationOf,
  spanOf,
  streamOf,
  type Measured,
  type Stream,
} from './measure.ts'

/** Refused, with exactly this code; for one of several rows, with words the message must have. */
export type Refusal = { code: string; says?: RegExp }

export type Success = {
  /** Width and height of the picture; null: it must have none. */
  size: readonly [width: number, height: number] | null
  /** `false`: it must have no sound. Default true. */
  sound?: boolean
  /** Streams of the source the result must be of, by index; default the first of each kind. */
  from?: { video?: number; audio?: number }
  /** Lowest similarity to a reference decode; absent: the picture is not compared. */
  ssim?: number
  /** Whether only the light is compared, and not the colours. */
  lightOnly?: boolean
  /** Filters of that decode before it is scaled to the result's size. */
  reference?: readonly string[]
  /** How long it may last, in seconds, where the source's own times cannot be trusted; default: as long as the source. */
  lasts?: readonly [least: number, most: number]
  /** Words of each warning there must be; default none. */
  warnings?: readonly RegExp[]
  /** Plugins that have nothing to do, and why. */
  skipped?: Readonly<Record<string, RegExp>>
  chapters?: number
}

export type Row = { expect: Refusal | Success; transcode?: Parameters<typeof transcode>[0] }

export type Rows = Readonly<Record<string, Row>>

export const refused = (code: string, says?: RegExp): Row => ({ expect: { code, ...(says && { says }) } })

export const film = (width: number, height: number, more: Omit<Success, 'size'> = {}): Row => ({
  expect: { size: [width, height], ...more },
})

export const soundOnly = (more: Omit<Success, 'size'> = {}): Row => ({
  expect: { size: null, skipped: { thumbnail: /no picture/ }, ...more },
})

/** Runs the chain over a file as most people have it, and checks all that its row says. */
export async function checkRow(bench: FileBench, path: string, row: Row): Promise<Succeeded | null> {
  const plugins = [
    transcode({ preset: 'ultrafast', crf: 8, ...row.transcode }),
    thumbnail({ at: '10%', width: 320 }),
    upload(),
  ]
  for (const { problems } of plugins) assert.equal(problems, [])
  const ran = await bench.run(path, plugins)
  if ('code' in row.expect) {
    checkRefusal(ran, row.expect)
    return null
  }
  if (!ran.ok) throw new Error(`refused as ${ran.code}: ${ran.message}\n${ran.stderr.join('\n')}`)
  await checkSuccess(path, ran, row.expect)
  return ran
}

function checkRefusal(ran: Ran, { code, says }: Refusal): void {
  if (ran.ok) throw new Error(`was to be refused as ${code}, and came out: ${ran.warnings.join('; ')}`)
  assert.is(ran.code, code, `${ran.code}: ${ran.message}\n${ran.stderr.join('\n')}`)
  assert.is(ran.verdict, 'reject')
  if (says) assert.match(ran.message, says)
}

async function checkSuccess(path: string, ran: Succeeded, expect: Success): Promise<void> {
  const [main, ...others] = ran.outputs.filter(({ kind }) => kind === 'video' || kind === 'audio')
  assert.ok(main, 'no film came out')
  assert.is(others.length, 0)
  const [output, source] = await Promise.all([measure(main.path), measure(path)])
  checkStreams(output, expect)
  assert.equal(findTimeFlaws(output), [])
  checkSpans({ output, source, expect })
  checkWarnings(ran, expect)
  await checkThumbnail(ran, expect)
  assert.is(output.chapters.length, expect.chapters ?? source.chapters.length, 'chapters')
  assert.equal(findPrivate(output), [])
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
    lightOnly: expect.lightOnly ?? false,
  })
  assert.ok(ssim >= expect.ssim, `SSIM is ${ssim}, and should be ${expect.ssim} at least`)
}

function checkStreams(output: Measured, { size, sound = true }: Success): void {
  const kinds = [...(size ? ['video'] : []), ...(sound ? ['audio'] : [])]
  const found = output.streams.map(({ codec_type }) => codec_type).filter((kind) => kind !== 'data') // mp4's chapters
  assert.equal(found, kinds)
  const picture = streamOf(output, 'video')
  if (picture && size) checkPicture(picture, size)
  const heard = streamOf(output, 'audio')
  if (heard) assert.equal([heard.codec_name, (heard.channels ?? 0) <= 2], ['aac', true])
}

function checkPicture(picture: Stream, [width, height]: readonly [number, number]): void {
  const { sample_aspect_ratio: aspect = '1:1', field_order: order = 'progressive' } = picture
  assert.equal([picture.width, picture.height], [width, height])
  assert.equal([picture.codec_name, picture.pix_fmt, aspect, order], ['h264', 'yuv420p', '1:1', 'progressive'])
  assert.is(rotationOf(picture), 0)
  assert.ok(picture.color_range === undefined || picture.color_range === 'tv', `range ${picture.color_range}`)
  for (const tag of [picture.color_transfer, picture.color_primaries, picture.color_space])
    assert.not.match(tag ?? '', /2084|b67/)
}

/** Everything begins at 0, and lasts as long as what decodes of the source; within 50 ms. */
function checkSpans({ output, source, expect }: { output: Measured; source: Measured; expect: Success }): void {
  const origins: number[] = []
  const pairs = (['video', 'audio'] as const).flatMap((kind) => {
    const made = streamOf(output, kind)
    const from = expect.from?.[kind] ?? streamOf(source, kind)?.index
    const span = made && spanOf(output, made.index)
    const given = from === undefined ? null : spanOf(source, from)
    if (made) assert.ok(span, `nothing of the ${kind} decodes`)
    if (given) origins.push(given.first)
    return span ? [{ kind, span, given }] : []
  })
  assert.ok(Math.abs(Math.min(...pairs.map(({ span }) => span.first))) <= 0.05, 'begins at 0')
  if (expect.lasts) {
    const end = Math.max(...pairs.map(({ span }) => span.end))
    const [least, most] = expect.lasts
    assert.ok(end >= least && end <= most, `lasts ${end} s, and should last ${least} to ${most} s`)
    return
  }
  const origin = Math.min(...origins)
  for (const { kind, span, given } of pairs) {
    const wanted = given && { first: given.first - origin, end: given.end - origin }
    const text = `${kind}: ${JSON.stringify(span)}, of ${JSON.stringify(wanted)}`
    // what begins later may be held from the beginning: a first picture that stands, silence
    assert.ok(wanted && span.first <= wanted.first + 0.05 && Math.abs(span.end - wanted.end) <= 0.05, text)
  }
}

function checkWarnings({ warnings, timings }: Succeeded, expect: Success): void {
  const wanted = expect.warnings ?? []
  const said = warnings.join('\n')
  for (const pattern of wanted) assert.match(said, pattern)
  const unexpected = warnings.filter((line) => !wanted.some((pattern) => pattern.test(line)))
  assert.equal(unexpected, [], 'warnings nobody expects')
  for (const { plugin, skipped } of timings as readonly { plugin: string; skipped?: string }[]) {
    const reason = expect.skipped?.[plugin]
    if (reason) assert.match(skipped ?? 'ran', reason)
    else assert.is(skipped, undefined)
  }
}

async function checkThumbnail({ outputs }: Succeeded, { size }: Success): Promise<void> {
  const picture = outputs.find(({ kind }) => kind === 'thumbnail')
  assert.is(picture !== undefined, size !== null, 'whether there is a thumbnail')
  if (!picture || !size) return
  const { streams, frames } = await measure(picture.path)
  assert.is(frames.length, 1)
  const shrink = Math.min(1, 320 / size[0])
  for (const [n, side] of [streams[0]?.width, streams[0]?.height].entries())
    assert.ok(
      Math.abs((side ?? 0) - (size[n] ?? 0) * shrink) <= 2,
      `thumbnail of ${streams[0]?.width}x${streams[0]?.height}`,
    )
}

const ordinary =
  /^(?:major_brand|minor_version|compatible_brands|encoder|handler_name|vendor_id|language|DURATION|ENCODER|HANDLER_NAME)$/

/** Tags of a file, its streams and chapters that say anything of who made it, when and where. */
function findPrivate({ format, streams, chapters }: Measured): string[] {
  return [format, ...streams, ...chapters]
    .flatMap(({ tags }) => Object.entries(tags ?? {}))
    .filter(([name, value]) => value !== '' && !ordinary.test(name))
    .map(([name, value]) => `${name}=${value}`)
}
