import type { Mastering } from '../vocabulary/media.ts'
import { toFields, toList, toRatio, toInteger, type Fields } from './fields.ts'

/**
 * Reads the HDR mastering metadata from the side data of the first frame that ffprobe reports: the mastering display (SMPTE
 * ST 2086) and the content light level (CTA-861.3). Leaves out values that are missing or invalid, and never throws.
 */
export function toMastering(frames: unknown): Mastering {
  const sides = toList(toList(toFields(frames).frames)[0]?.side_data_list)
  const display = toDisplay(sides.find((side) => side.side_data_type === 'Mastering display metadata') ?? {})
  const level = sides.find((side) => side.side_data_type === 'Content light level metadata')
  const light = level && { max: toInteger(level.max_content), average: toInteger(level.max_average) }
  return { ...(display && { display }), ...(light && { light }) }
}

function toDisplay(side: Fields): Mastering['display'] {
  const scaled = (name: string, unit: number) => Math.round((toRatio(side[name], '/') ?? 0) * unit)
  const point = (name: string) => ({ x: scaled(`${name}_x`, 50_000), y: scaled(`${name}_y`, 50_000) })
  const luminance = { min: scaled('min_luminance', 10_000), max: scaled('max_luminance', 10_000) }
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
