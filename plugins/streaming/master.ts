import { HLS_VERSION } from './playlist.ts'
import type { Rates } from './segments.ts'
import type { Track } from './track.ts'

/** A track with the URL of its playlist, relative to the multivariant playlist. */
export type Listed = { readonly track: Track; readonly rates: Rates; readonly uri: string }
/** A video track; `iFrames` is its I-frame playlist. */
export type ListedVideo = Listed & { readonly iFrames: { readonly uri: string; readonly rates: Rates } }
export type ListedSubtitles = { readonly uri: string; readonly language?: string | undefined }

type Presentation = {
  readonly videos: readonly ListedVideo[]
  readonly audios: readonly Listed[]
  readonly subtitles: readonly ListedSubtitles[]
}

/** Bit rate of the variant that Apple's players should start with, in bit/s (HLS Authoring Specification, 9.8). */
const START_RATE = 2_000_000

/** Returns the multivariant playlist. Without video, the first audio track is the variant, and a group has the languages. */
export function toMaster({ videos, audios, subtitles }: Presentation): string {
  const grouped = videos.length > 0 || audios.length > 1 ? audios : []
  const groups = [
    ...(grouped.length > 0 ? ['AUDIO="audio"'] : []),
    ...(subtitles.length > 0 ? ['SUBTITLES="subtitles"'] : []),
  ]
  const variants = toStartFirst(
    videos.length > 0
      ? videos.map((video) => toVariant(video, audios))
      : audios.slice(0, 1).map((audio) => toVariant({ ...audio, rates: toHighest(audios) }, [])),
  )
  return `${[
    '#EXTM3U',
    `#EXT-X-VERSION:${HLS_VERSION}`,
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...toMedia(
      'AUDIO',
      'audio',
      grouped.map(({ uri, track: { language, audio } }) => ({ uri, language, audio })),
    ),
    ...toMedia('SUBTITLES', 'subtitles', subtitles),
    ...variants.flatMap(({ attributes, uri }) => [`#EXT-X-STREAM-INF:${[...attributes, ...groups].join(',')}`, uri]),
    ...videos.map(({ track, iFrames }) => toIFrameVariant(track, iFrames)),
  ].join('\n')}\n`
}

type Variant = { readonly uri: string; readonly average: number; readonly attributes: readonly string[] }

/** Returns the attributes of a variant: its own track, and the audio track with the highest rates. */
function toVariant({ track, rates, uri }: Listed, audios: readonly Listed[]): Variant {
  const highest = toHighest(audios)
  const [peak, average] = [rates.peak + highest.peak, rates.average + highest.average]
  const codecs = [...new Set([track.codec, ...audios.map((audio) => audio.track.codec)])]
  return {
    uri,
    average,
    attributes: [
      `BANDWIDTH=${peak}`,
      `AVERAGE-BANDWIDTH=${average}`,
      `CODECS="${codecs.join(',')}"`,
      ...(track.video ? toVideoAttributes(track.video) : []),
    ],
  }
}

function toHighest(tracks: readonly Listed[]): Rates {
  return {
    peak: Math.max(0, ...tracks.map(({ rates }) => rates.peak)),
    average: Math.max(0, ...tracks.map(({ rates }) => rates.average)),
  }
}

function toVideoAttributes({ width, height, rate, range }: NonNullable<Track['video']>): string[] {
  const perSecond = rate.numerator / rate.denominator
  return [`RESOLUTION=${width}x${height}`, `FRAME-RATE=${perSecond.toFixed(3)}`, `VIDEO-RANGE=${range}`]
}

function toIFrameVariant({ codec, video }: Track, { rates, uri }: ListedVideo['iFrames']): string {
  const attributes = [
    `BANDWIDTH=${rates.peak}`,
    `AVERAGE-BANDWIDTH=${rates.average}`,
    `CODECS="${codec}"`,
    ...(video ? [`RESOLUTION=${video.width}x${video.height}`, `VIDEO-RANGE=${video.range}`] : []),
    `URI="${uri}"`,
  ]
  return `#EXT-X-I-FRAME-STREAM-INF:${attributes.join(',')}`
}

/** Puts the variant that players start with first, the others by falling rate. */
function toStartFirst<T extends Variant>(variants: readonly T[]): T[] {
  const sorted = variants.toSorted((a, b) => b.average - a.average)
  const start = sorted.find(({ average }) => average <= START_RATE) ?? sorted.at(-1)
  return sorted.toSorted((a, b) => Number(b === start) - Number(a === start))
}

type Media = { uri: string; language?: string | undefined; audio?: Track['audio'] | undefined }

/**
 * Returns the tags of a group of audio tracks or subtitles. The first audio track is the default. Players choose by themselves
 * only from the first of each language: those that they choose from have to differ (RFC 8216, 4.3.4.1.1).
 */
function toMedia(type: 'AUDIO' | 'SUBTITLES', group: string, all: readonly Media[]): string[] {
  return toNames(all, type === 'AUDIO' ? 'Audio' : 'Subtitles').map(({ name, language, uri, audio }, n, named) => {
    const isFirst = named.findIndex((one) => one.language === language) === n
    const attributes = [
      `TYPE=${type}`,
      `GROUP-ID="${group}"`,
      `NAME="${name}"`,
      ...(language === undefined ? [] : [`LANGUAGE="${language}"`]),
      `DEFAULT=${type === 'AUDIO' && n === 0 ? 'YES' : 'NO'}`,
      `AUTOSELECT=${isFirst ? 'YES' : 'NO'}`,
      ...(type === 'SUBTITLES' ? ['FORCED=NO'] : []),
      ...(audio ? [`CHANNELS="${audio.channels}"`] : []),
      `URI="${uri}"`,
    ]
    return `#EXT-X-MEDIA:${attributes.join(',')}`
  })
}

/** Adds names that are unique in a group, and the shortest code of each language (RFC 5646). */
function toNames<T extends Media>(all: readonly T[], unnamed: string): (T & { name: string })[] {
  const counts = new Map<string, number>()
  return all.map((one) => {
    const language = toLanguageTag(one.language)
    const name = (language === undefined ? undefined : toLanguageName(language)) ?? unnamed
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return { ...one, language, name: count === 1 ? name : `${name} ${count}` }
  })
}

/** Converts a three-letter code to the shortest one of the language: `deu` to `de`. */
export function toLanguageTag(code: string | undefined): string | undefined {
  return code === undefined ? undefined : Intl.getCanonicalLocales(code)[0]
}

/** Returns the name of a language in that language. Quotes cannot be part of an attribute. */
function toLanguageName(tag: string): string | undefined {
  return new Intl.DisplayNames([tag], { type: 'language', fallback: 'none' }).of(tag)?.replaceAll(/["\r\n]/g, '')
}
