import type { VideoStream } from 'mediad'
import { toFinalSize, toLayout, type Layout, type Size } from '../frames/size.ts'
import { videoCodecs, type VideoCodec } from '../transcode/codecs.ts'
import type { EncodeSettings } from '../transcode/options.ts'
import type { GivenRendition } from './options.ts'
import { toMaxrateKbps } from './rates.ts'

/** One rendition of the video: how it is encoded, and its name, such as `h264-720p`. */
export type Rung = {
  readonly name: string
  readonly codec: VideoCodec
  readonly crf: number
  readonly preset: string | number
  readonly layout: Layout
  readonly size: Size
  readonly maxrateKbps: number
}

/** The rungs of a source, and why there are these. */
export type Ladder = { readonly rungs: readonly Rung[]; readonly reason: string }

/** Short sides that `auto` chooses from. */
const AUTO_SIDES = [2160, 1440, 1080, 720, 480, 360]
/** How much larger than the highest rung the source has to be to get a rung of its own size. */
const OWN_SIZE_FACTOR = 1.2

/** Chooses the renditions for a source. None is larger than the source within `maxWidth` × `maxHeight`. */
export function toLadder(video: VideoStream, settings: EncodeSettings): Ladder {
  const source = toFinalSize(toLayout(video, settings))
  const side = toShortSide(source)
  const { given, reason } =
    settings.renditions === 'auto' ? chooseSides(source) : toGiven(settings.renditions ?? [], source)
  const rungs: Rung[] = []
  for (const one of given) {
    const rung = toRung(one, { video, settings, side, isPortrait: source.height > source.width })
    const sameName = rungs.filter(({ name }) => name.replace(/-\d+$/, '') === rung.name)
    if (!sameName.some((other) => isSame(other, rung)))
      rungs.push(sameName.length === 0 ? rung : { ...rung, name: `${rung.name}-${sameName.length + 1}` })
  }
  return { rungs, reason: `renditions ${rungs.map(({ name }) => name).join(', ')}: ${reason}` }
}

const toShortSide = ({ width, height }: Size): number => Math.min(width, height)

type Choice = { readonly given: readonly GivenRendition[]; readonly reason: string }

function chooseSides(source: Size): Choice {
  const side = toShortSide(source)
  const shown = `the source is ${source.width}x${source.height}`
  const sides = AUTO_SIDES.filter((one) => one <= side)
  const [highest] = sides
  if (highest === undefined)
    return { given: [{ height: side }], reason: `${shown}, smaller than ${AUTO_SIDES.at(-1)}p` }
  const isLarger = side > OWN_SIZE_FACTOR * highest
  const own = isLarger ? [side] : []
  const why = isLarger ? `; its own size is included, because it is more than ${OWN_SIZE_FACTOR} times ${highest}` : ''
  return { given: [...own, ...sides].map((height) => ({ height })), reason: `${shown}, nothing is enlarged${why}` }
}

function toGiven(given: readonly GivenRendition[], source: Size): Choice {
  const side = toShortSide(source)
  const fitting = given.filter(({ height }) => height <= side)
  const omitted = given.length - fitting.length
  const shown = `the source is ${source.width}x${source.height}`
  if (omitted === 0) return { given, reason: `as configured, ${shown}` }
  if (fitting.length > 0)
    return { given: fitting, reason: `${omitted} of ${given.length} left out as larger: ${shown}` }
  // the smallest one, at the size of the source
  const [smallest] = given.toSorted((a, b) => a.height - b.height)
  return { given: [{ ...smallest, height: side }], reason: `all configured ones are larger: ${shown}` }
}

type Target = { video: VideoStream; settings: EncodeSettings; side: number; isPortrait: boolean }

function toRung(given: GivenRendition, { video, settings, side, isPortrait }: Target): Rung {
  const codec = given.codec ?? settings.codec
  const traits = videoCodecs[codec]
  const isCommon = codec === settings.codec
  const limit = given.height >= side ? {} : isPortrait ? { maxWidth: given.height } : { maxHeight: given.height }
  const box = {
    maxWidth: Math.min(settings.maxWidth ?? Infinity, limit.maxWidth ?? Infinity),
    maxHeight: Math.min(settings.maxHeight ?? Infinity, limit.maxHeight ?? Infinity),
  }
  const layout = toLayout(video, { ...box, minSide: traits.minSide })
  const size = toFinalSize(layout)
  return {
    name: `${codec}-${toShortSide(size)}p`,
    codec,
    crf: given.crf ?? (isCommon ? settings.crf : traits.crf.default),
    preset: given.preset ?? (isCommon ? settings.preset : traits.preset.default),
    layout,
    size,
    maxrateKbps: given.maxrateKbps ?? toMaxrateKbps(toShortSide(size), codec, video.framesPerSecond),
  }
}

const isSame = (a: Rung, b: Rung): boolean =>
  a.crf === b.crf && a.preset === b.preset && a.maxrateKbps === b.maxrateKbps
