import { toFields, toList, toNumber, toText, type Fields } from './fields.ts'
import type { VideoStream } from '../vocabulary/media.ts'

export type Orientation = Pick<VideoStream, 'rotation' | 'mirrored'>

const UPRIGHT: Orientation = { rotation: 0, mirrored: false }

/**
 * How a player shows a picture: mirrored or not, then turned clockwise. Turns that are no quarter, and the -9.2e18 of a
 * broken matrix, count as none: a player shows those upright or not at all.
 */
export function toOrientation(stream: Fields): Orientation {
  const sides = toList(stream.side_data_list)
  const matrix = sides.map((side) => toText(side.displaymatrix)).find((text) => text !== null)
  if (matrix !== undefined && matrix !== null) return fromMatrix(matrix)
  // ffprobe tells the matrix's turn counter-clockwise, the old `rotate` tag is clockwise
  const turn = sides.map((side) => toNumber(side.rotation)).find((degrees) => degrees !== null)
  const clockwise = turn === undefined || turn === null ? toNumber(toFields(stream.tags).rotate) : -turn
  return { rotation: toQuarter(clockwise), mirrored: false }
}

/**
 * The display matrix as ffprobe prints it: three lines of an address and three fixed-point numbers. The upper left four
 * turn and mirror: x' = a x + c y, y' = b x + d y (ISO/IEC 14496-12, 8.2.2; libavutil/display.h).
 */
function fromMatrix(text: string): Orientation {
  const numbers = [...text.matchAll(/(?<=[\s:])-?\d+(?=\s|$)/g)].map(([digits]) => Number(digits))
  const [a = 0, b = 0, , c = 0, d = 0] = numbers
  if (numbers.length !== 9 || a * d - b * c === 0) return UPRIGHT
  const mirrored = a * d - b * c < 0
  // where the picture's (mirrored) left-to-right points to
  const degrees = (Math.atan2(mirrored ? -b : b, mirrored ? -a : a) * 180) / Math.PI
  return { rotation: toQuarter(degrees), mirrored }
}

function toQuarter(degrees: number | null): VideoStream['rotation'] {
  if (degrees === null || Math.abs(degrees) > 3600) return 0
  // ffmpeg, too, takes what is off by less than a degree for a quarter
  const quarters = Math.round(degrees / 90)
  if (Math.abs(degrees - quarters * 90) >= 1) return 0
  return ((((quarters % 4) + 4) % 4) * 90) as VideoStream['rotation']
}
