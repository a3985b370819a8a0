import type { ColourProfile, Curve } from 'mediad'

/** Largest value of 16 bits. */
const MAX = 65_535
/** The mixer takes factors up to 2, and conversions from large gamuts have larger ones. */
const MIXER_SCALE = 2

const toText = (value: number): string => value.toFixed(7)

/** Returns the filters that convert an image with a colour profile to sRGB, as RGB with 16 bits. */
export function toSrgbFilters({ curves, matrix }: ColourProfile): string[] {
  const linear = ['r', 'g', 'b'].map((channel, n) => `${channel}='${toLinear(curves[n])}'`)
  const factors = matrix.map((value, n) => `${'rgb'[Math.floor(n / 3)]}${'rgb'[n % 3]}=${toText(value / MIXER_SCALE)}`)
  return [
    'format=gbrp16le',
    `lutrgb=${linear.join(':')}`,
    `colorchannelmixer=${factors.join(':')}`,
    `lutrgb=${['r', 'g', 'b'].map((channel) => `${channel}='${fromLinear}'`).join(':')}`,
    // it describes the colours before the conversion
    'sidedata=mode=delete:type=ICC_PROFILE',
  ]
}

/** Returns an expression for one channel: from encoded values to linear light. */
function toLinear({ gamma, a, b, c, d, e, f }: Curve = identity): string {
  const x = `val/${MAX}`
  const above = `pow(max(0,${toText(a)}*${x}+${toText(b)}),${toText(gamma)})+${toText(e)}`
  return `${MAX}*if(gte(${x},${toText(d)}),${above},${toText(c)}*${x}+${toText(f)})`
}

const identity: Curve = { gamma: 1, a: 1, b: 0, c: 0, d: 0, e: 0, f: 0 }

const light = `min(1,${MIXER_SCALE}*val/${MAX})`

/** An expression for one channel: from linear light, divided by the factor of the mixer, to sRGB. */
const fromLinear = `${MAX}*if(lte(${light},0.0031308),12.92*${light},1.055*pow(${light},1/2.4)-0.055)`
