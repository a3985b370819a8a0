import { MediadError } from 'mediad'
import { toLanguageTag } from './master.ts'
import type { Rates } from './segments.ts'
import { toEndSeconds, type Range, type Track } from './track.ts'

/** A track with the URL of its file, relative to the manifest. `id` is unique. */
export type Representation = {
  readonly id: string
  readonly uri: string
  readonly track: Track
  readonly rates: Rates
}

/** A WebVTT file with its URL, relative to the manifest, and its bit rate. */
export type TextRepresentation = {
  readonly id: string
  readonly uri: string
  readonly language?: string | undefined
  readonly rate: number
}

type Presentation = {
  readonly videos: readonly Representation[]
  readonly audios: readonly Representation[]
  readonly subtitles: readonly TextRepresentation[]
}

/** Returns the manifest of DASH's on-demand profile: one file per track, which players read by the ranges in its `sidx`. */
export function toMpd({ videos, audios, subtitles }: Presentation): string {
  const seconds = Math.max(...[...videos, ...audios].map(({ track }) => toEndSeconds(track)))
  // one set per codec: players do not switch between codecs
  const families = Object.values(Object.groupBy(videos, ({ track }) => track.codec.slice(0, 4)))
  const sets = [
    ...families.map((family = []) => ({ kind: 'video', content: family.map(toVideo) })),
    ...audios.map((audio) => ({ kind: 'audio', language: audio.track.language, content: [toAudio(audio)] })),
    ...subtitles.map((text) => ({ kind: 'text', language: text.language, content: [toTextTrack(text)] })),
  ]
  const duration = `PT${toPresentationSeconds(seconds)}S`
  const profile = 'urn:mpeg:dash:profile:isoff-on-demand:2011'
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="${profile}" type="static" mediaPresentationDuration="${duration}" minBufferTime="PT2S">`,
    '  <Period id="0" start="PT0S">',
    ...sets.flatMap(toSet),
    '  </Period>',
    '</MPD>',
    '',
  ].join('\n')
}

/**
 * Returns a duration in milliseconds that ends after the media, by up to 1 ms. Players end by their own means at the duration of
 * the manifest. If it is reached before the end of the media, dash.js seeks and pauses instead, and the video does not end.
 */
function toPresentationSeconds(seconds: number): string {
  const milliseconds = Math.floor(seconds * 1000 + 1e-6) + 1
  return (milliseconds / 1000).toFixed(3)
}

type AdaptationSet = { kind: string; language?: string | undefined; content: readonly string[][] }

function toSet({ kind, language, content }: AdaptationSet, id: number): string[] {
  const lang = toLanguageTag(language)
  const isText = kind === 'text'
  const aligned: Attributes = isText ? {} : { subsegmentAlignment: 'true', subsegmentStartsWithSAP: '1' }
  return [
    `    <AdaptationSet${toAttributes({ id, contentType: kind, ...(lang && { lang }), ...aligned })}>`,
    `      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="${isText ? 'subtitle' : 'main'}"/>`,
    ...content.flat(),
    '    </AdaptationSet>',
  ]
}

function toVideo(one: Representation): string[] {
  const { video } = one.track
  if (video === undefined) return []
  const { width, height, rate } = video
  const frameRate = toFraction(rate.numerator, rate.denominator)
  return toRepresentation(one, { mimeType: 'video/mp4', width, height, frameRate, sar: '1:1' })
}

function toAudio(one: Representation): string[] {
  const { channels = 2, sampleRate = 0 } = one.track.audio ?? {}
  const scheme = 'urn:mpeg:dash:23003:3:audio_channel_configuration:2011'
  return toRepresentation(one, { mimeType: 'audio/mp4', audioSamplingRate: sampleRate }, [
    `        <AudioChannelConfiguration${toAttributes({ schemeIdUri: scheme, value: channels })}/>`,
  ])
}

function toTextTrack({ id, uri, rate }: TextRepresentation): string[] {
  return [
    `      <Representation${toAttributes({ id, mimeType: 'text/vtt', bandwidth: rate })}>`,
    `        <BaseURL>${toXml(uri)}</BaseURL>`,
    '      </Representation>',
  ]
}

type Attributes = Readonly<Record<string, string | number>>

function toRepresentation(
  { id, uri, track, rates }: Representation,
  attributes: Attributes,
  children: readonly string[] = [],
): string[] {
  const { codec, init, index } = track
  if (index === null) throw new MediadError('internal.output', `${uri} has no "sidx": DASH needs one`)
  return [
    `      <Representation${toAttributes({ id, codecs: codec, bandwidth: rates.peak, ...attributes })}>`,
    ...children,
    `        <BaseURL>${toXml(uri)}</BaseURL>`,
    `        <SegmentBase${toAttributes({ timescale: track.timescale, indexRange: toRange(index) })}>`,
    `          <Initialization${toAttributes({ range: toRange(init) })}/>`,
    '        </SegmentBase>',
    '      </Representation>',
  ]
}

/** First and last byte. */
const toRange = ({ offset, sizeBytes }: Range): string => `${offset}-${offset + sizeBytes - 1}`

function toFraction(numerator: number, denominator: number): string {
  const divisor = toDivisor(numerator, denominator)
  return denominator === divisor ? String(numerator / divisor) : `${numerator / divisor}/${denominator / divisor}`
}

function toDivisor(a: number, b: number): number {
  return b === 0 ? a : toDivisor(b, a % b)
}

function toAttributes(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${toXml(String(value))}"`)
    .join('')
}

const toXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
