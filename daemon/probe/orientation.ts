import { toFields, toList, toNumber, toText, type Fields } from './fields.ts'
import type { VideoStream } from '../vocabulary/media.ts'

export type Orientation = Pick<VideoStream, 'rotation' | 'mirrored'>

const NOT_ROTATED: Orientation = { rotation: 0, mirrored: false }

/**
 * Reads the display orientation of a track: whether a player mirrors the frames, and the clockwise rotation that it applies
 * afterwards. Rotations other than multiples of 90°, and the -9.2e18 of a broken display matrix, count as 0: players show
 * such files without rotation or not at all.
 */
export function toOrientation(stream: Fields): Orientation {
  const sides = toList(stream.side_data_list)
  const matrix = sides.map((side) => toText(side.displaymatrix)).find((text) => text !== null)
  if (matrix !== undefined && matrix !== null) return fromMatrix(matrix)
  // ffprobe reports the rotation of the matrix counter-clockwise; the old `rotate` tag is clockwise
  const rotation = sides.map((side) => toNumber(side.rotation)).find((degrees) => degrees !== null)
  const clockwise = rotation === undefined || rotation === null ? toNumber(toFields(stream.tags).rotate) : -rotation
  return { rotation: toRightAngle(clockwise), mirrored: false }
}

/**
 * Parses the display matrix as ffprobe prints it: three lines of an address and three fixed-point numbers. The upper left
 * 2x2 part rotates and mirrors: x' = a x + c y, y' = b x + d y (ISO/IEC 14496-12, 8.2.2; libavutil/display.h).
 */
function fromMatrix(text: string): Orientation {
  const numbers = [...text.matchAll(/(?<=[\s:])-?\d+(?=\s|$)/g)].map(([digits]) => Number(digits))
  const [a = 0, b = 0, , c = 0, d = 0] = numbers
  if (numbers.length !== 9 || a * d - b * c === 0) return NOT_ROTATED
  const mirrored = a * d - b * c < 0
  // the direction of the frame's x axis, after mirroring
  const degrees = (Math.atan2(mirrored ? -b : b, mirrored ? -a : a) * 180) / Math.PI
  return { rotation: toRightAngle(degrees), mirrored }
}

function toRightAngle(degrees: number | null): VideoStream['rotation'] {
  if (degrees === null || Math.abs(degrees) > 3600) return 0
  // ffmpeg also accepts angles that are off by less than a degree
  const quarters = Math.round(degrees / 90)
  if (Math.abs(degrees - quarters * 90) >= 1) return 0
  return ((((quarters % 4) + 4) % 4) * 90) as VideoStream['rotation']
}
