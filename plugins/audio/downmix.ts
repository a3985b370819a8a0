import type { AudioStream } from 'mediad'

/** Number of channels from which ffmpeg's filter `pan` cannot mix. */
export const MAX_CHANNELS = 64

/**
 * Weights of the speaker positions on the left side; those of the right side mirror them. Positions in the middle go to both
 * sides. Low-frequency channels are left out, as players do.
 */
const leftWeights: Readonly<Record<string, number>> = {
  FL: 1,
  FLC: 1,
  DL: 1,
  FC: Math.SQRT1_2,
  SL: Math.SQRT1_2,
  BL: Math.SQRT1_2,
  SDL: Math.SQRT1_2,
  WL: Math.SQRT1_2,
  TFL: Math.SQRT1_2,
  TBL: Math.SQRT1_2,
  TSL: Math.SQRT1_2,
  BFL: Math.SQRT1_2,
  BC: 0.5,
  TC: 0.5,
  TFC: 0.5,
  TBC: 0.5,
  BFC: 0.5,
}

const toRight = (position: string): string =>
  position === 'FLC' ? 'FRC' : position.endsWith('C') ? position : position.replace(/L$/, 'R')

/** Returns the terms of `pan` for positions and their weights. */
const toTerms = (weights: Iterable<readonly [position: string, weight: number]>): string =>
  Array.from(weights, ([position, weight]) => `${Number(weight.toFixed(4))}*${position}`).join('+')

const left = Object.entries(leftWeights)
const right = left.map(([position, weight]) => [toRight(position), weight] as const)
/** `pan` accepts each position once: those in the middle are on both sides, so they count twice. */
const both = left.map(([name, weight]) => [name, name === toRight(name) ? 2 * weight : weight] as const)
const onlyRight = right.filter(([position]) => !(position in leftWeights))

/** Positions that the audio does not have are ignored. `<` divides by the sum of the weights: nothing exceeds full scale. */
const toStereo = `pan=stereo|FL<${toTerms(left)}|FR<${toTerms(right)}`
const toMono = `pan=mono|FC<${toTerms([...both, ...onlyRight])}`

/** How channels become stereo: by their positions, as an ambisonic field, or all of them equally. */
export type Mixing = 'positions' | 'ambisonic' | 'equal'

/** Returns how the audio is mixed. Up to 8 channels without a layout have the default layout of their number. */
export function toMixing({ channels, layout }: Pick<AudioStream, 'channels' | 'layout'>): Mixing {
  if (layout === undefined) return channels > 8 ? 'equal' : 'positions'
  if (layout.startsWith('ambisonic')) return 'ambisonic'
  if (/^\d+ channels$/.test(layout)) return 'equal'
  const positions = /\((.*)\)$/.exec(layout)?.[1]?.split('+')
  if (!/^\d+ channels /.test(layout) || positions === undefined) return 'positions'
  return positions.some(isKnown) ? 'positions' : 'equal'
}

const isKnown = (position: string): boolean => position in leftWeights || right.some(([name]) => name === position)

/**
 * Returns the filters that convert the audio to mono or stereo.
 *
 * @param mayChange whether the number of channels can change mid-stream
 */
export function toDownmixFilters(audio: Pick<AudioStream, 'channels' | 'layout'>, mayChange: boolean): string[] {
  const { channels, layout } = audio
  if (channels === 1) {
    const isOther = layout !== undefined && layout !== 'mono'
    return [...(isOther ? ['channelmap=0:mono'] : []), ...(mayChange ? [toMono] : []), 'aformat=channel_layouts=mono']
  }
  return [...toStereoFilters(audio, mayChange), 'aformat=channel_layouts=stereo']
}

function toStereoFilters(audio: Pick<AudioStream, 'channels' | 'layout'>, mayChange: boolean): string[] {
  const { channels, layout = 'stereo' } = audio
  // two channels that are not left and right, such as two back channels
  if (channels === 2 && !['stereo', 'downmix'].includes(layout)) return ['channelmap=0|1:stereo']
  if (channels === 2) return mayChange ? [toStereo] : []
  const mixing = toMixing(audio)
  if (mixing === 'positions') return [toStereo]
  if (mixing === 'ambisonic') return [toAmbisonicMix(audio)]
  const all = Array.from({ length: Math.min(channels, MAX_CHANNELS) }, (_, n) => `c${n}`).join('+')
  return [`pan=stereo|c0<${all}|c1<${all}`]
}

/**
 * Decodes an ambisonic field with two virtual cardioid microphones that point left and right: half the sum, or the
 * difference, of the omnidirectional channel (0) and the left-right channel (1) in ACN order. Two additional channels are
 * stereo that is not part of that field.
 */
function toAmbisonicMix({ channels, layout = '' }: Pick<AudioStream, 'channels' | 'layout'>): string {
  const [stereoLeft, stereoRight] = layout.includes('+') ? [`+2*c${channels - 2}`, `+2*c${channels - 1}`] : ['', '']
  return `pan=stereo|c0<c0+c1${stereoLeft}|c1<c0-c1${stereoRight}`
}
