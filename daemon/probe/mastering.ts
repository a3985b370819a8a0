import type { Mastering, VideoStream } from '../vocabulary/media.ts'
import { toFields, toList, toRatio, toInteger, type Fields } from './fields.ts'

/** Peak luminances of screens and content that can be true, in cd/m²; PQ ends at 10,000. */
const PLAUSIBLE = { min: 50, max: 10_000 }
/** Luminance of black of a screen, in cd/m², that can be true. */
const BRIGHTEST_BLACK = 5

type Found = Pick<VideoStream, 'mastering' | 'hasImplausibleMastering'>

/**
 * Reads the HDR mastering metadata from the side data of the first frame that ffprobe reports: the mastering display (SMPTE
 * ST 2086) and the content light level (CTA-861.3). Leaves out values that are missing, invalid or implausible: some recorders
 * write other units. Never throws.
 */
export function toMastering(frames: unknown): Found {
  const sides = toList(toList(toFields(frames).frames)[0]?.side_data_list)
  const display = toDisplay(sides.find((side) => side.side_data_type === 'Mastering display metadata') ?? {})
  const level = sides.find((side) => side.side_data_type === 'Content light level metadata')
  const light = level && { max: toInteger(level.max_content), average: toInteger(level.max_average) }
  const isDisplayPlausible = !display || isPlausibleDisplay(display)
  const isLightPlausible = !light || isPlausibleLight(light)
  return {
    mastering: {
      ...(display && isDisplayPlausible && { display }),
      ...(light && isLightPlausible && { light }),
    },
    ...(!(isDisplayPlausible && isLightPlausible) && { hasImplausibleMastering: true }),
  }
}

const isPlausiblePeak = (luminance: number): boolean => luminance >= PLAUSIBLE.min && luminance <= PLAUSIBLE.max

function isPlausibleDisplay({ luminance: { min, max } }: NonNullable<Mastering['display']>): boolean {
  return isPlausiblePeak(max / LUMINANCE_UNIT) && min / LUMINANCE_UNIT <= BRIGHTEST_BLACK
}

/** Whether a light level can be true. 0 means unknown; the average of a frame is never brighter than its brightest pixel. */
function isPlausibleLight({ max, average }: NonNullable<Mastering['light']>): boolean {
  return max === 0 ? average <= PLAUSIBLE.max : isPlausiblePeak(max) && average <= max
}

/** Luminances are in units of 1/10000 cd/m². */
const LUMINANCE_UNIT = 10_000

function toDisplay(side: Fields): Mastering['display'] {
  const scaled = (name: string, unit: number) => Math.round((toRatio(side[name], '/') ?? 0) * unit)
  const point = (name: string) => ({ x: scaled(`${name}_x`, 50_000), y: scaled(`${name}_y`, 50_000) })
  const luminance = { min: scaled('min_luminance', LUMINANCE_UNIT), max: scaled('max_luminance', LUMINANCE_UNIT) }
  const display = {
    red: point('red'),
    green: point('green'),
    blue: point('blue'),
    white: point('white_point'),
    luminance,
  }
  const inside = [display.red, display.green, display.blue, display.white].every(
    ({ x, y }) => x <= 50_000 && y <= 50_000,
  )
  return inside && display.white.x > 0 && luminance.max > luminance.min ? display : undefined
}
