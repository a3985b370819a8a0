/** The rules of DASH's on-demand profile (ISO/IEC 23009-1, 8.3) that the manifests keep. */
import { createFile, MP4BoxBuffer } from 'mp4box'
import { readMedia, resolveUrl, type Files, type Media } from './read.ts'

type Attributes = Readonly<Record<string, string>>
type Representation = {
  readonly attributes: Attributes
  readonly set: Attributes
  readonly url: string
  readonly init?: string | undefined
  readonly index?: string | undefined
}

/** Returns all violations of a manifest, each with the name of the rule. */
export function validateDash(files: Files, key: string): string[] {
  const text = files.get(key)?.toString() ?? ''
  const mpd = readAttributes(/<MPD\b([^>]*)>/.exec(text)?.[1])
  const all = readRepresentations(text)
  const missing = all.filter(({ url }) => !files.has(resolveUrl(key, url)))
  if (missing.length > 0) return missing.map(({ url }) => `exists: ${url}`)
  const ids = new Set(all.map(({ attributes }) => attributes.id))
  const media = all.flatMap((one) => {
    const bytes = files.get(resolveUrl(key, one.url))
    return bytes && one.url.endsWith('.mp4') ? [{ one, bytes, media: readMedia(bytes) }] : []
  })
  const seconds = Math.max(...media.map(({ media: { samples } }) => toSeconds(samples)))
  const declared = Number(/^PT([\d.]+)S$/.exec(mpd.mediaPresentationDuration ?? '')?.[1])
  return [
    ...(mpd.profiles === 'urn:mpeg:dash:profile:isoff-on-demand:2011' && mpd.type === 'static' ? [] : ['profile']),
    ...(Math.abs(declared - seconds) < 0.02 ? [] : [`duration: ${declared} for ${seconds}`]),
    ...(ids.size === all.length && all.length > 0 ? [] : ['unique ids']),
    ...media.flatMap(({ one, bytes, media: own }) =>
      checkAttributes(one, own, bytes).concat(checkRanges(one, bytes, own)),
    ),
    ...checkSets(all),
  ]
}

function readRepresentations(text: string): Representation[] {
  return [...text.matchAll(/<AdaptationSet\b([^>]*)>([^]*?)<\/AdaptationSet>/g)].flatMap(([, set, content = '']) =>
    Array.from(
      content.matchAll(/<Representation\b([^>]*)>([^]*?)<\/Representation>/g),
      ([, attributes, inner = '']) => ({
        attributes: readAttributes(attributes),
        set: readAttributes(set),
        url: /<BaseURL>([^<]*)</.exec(inner)?.[1] ?? '',
        init: readAttributes(/<Initialization\b([^>]*)>/.exec(inner)?.[1]).range,
        index: readAttributes(/<SegmentBase\b([^>]*)>/.exec(inner)?.[1]).indexRange,
      }),
    ),
  )
}

function readAttributes(text = ''): Attributes {
  return Object.fromEntries(Array.from(text.matchAll(/(\w+)="([^"]*)"/g), ([, name = '', value = '']) => [name, value]))
}

const toSeconds = (samples: Media['samples']): number => {
  const [first, last] = [samples[0], samples.at(-1)]
  return first && last ? last.decode + last.seconds - first.decode : 0
}

function checkAttributes(
  { attributes }: Representation,
  { codec, width, height, samples }: Media,
  bytes: Buffer,
): string[] {
  const { id, codecs = '', bandwidth, frameRate = '0', mimeType } = attributes
  const average = (bytes.length * 8) / toSeconds(samples)
  const [above = 0, below = 1] = frameRate.split('/').map(Number)
  const rate = samples.length / toSeconds(samples)
  const isVideo = width !== undefined
  return [
    ...(codecs.toLowerCase() === codec.toLowerCase() ? [] : [`codecs: ${id}`]),
    ...(mimeType === (isVideo ? 'video/mp4' : 'audio/mp4') ? [] : [`mimeType: ${id}`]),
    ...(!isVideo || (Number(attributes.width) === width && Number(attributes.height) === height)
      ? []
      : [`size: ${id}`]),
    ...(!isVideo || Math.abs(above / below - rate) <= 0.05 * rate ? [] : [`frameRate: ${id}`]),
    // the highest of any segment: at least the average, and at most twice that
    ...(Number(bandwidth) >= 0.9 * average && Number(bandwidth) <= 2.2 * average ? [] : [`bandwidth: ${id}`]),
  ]
}

const end = (box: { start?: number | undefined; size: number }) => (box.start ?? 0) + box.size - 1

/** The header and the index are exactly the boxes that the ranges name, and the index covers the media. */
function checkRanges({ attributes: { id }, init, index }: Representation, bytes: Buffer, { samples }: Media): string[] {
  const file = createFile()
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(Uint8Array.from(bytes).buffer, 0))
  file.flush()
  const find = (type: string) => file.boxes.find((box) => box.type === type)
  const [moov, sidx] = [find('moov'), find('sidx') as Sidx | undefined]
  if (!moov || !sidx) return [`index: ${id}`]
  if (init !== `0-${end(moov)}`) return [`init range: ${id}`]
  if (index !== `${sidx.start}-${end(sidx)}`) return [`index range: ${id}`]
  let [offset, time] = [end(sidx) + 1 + sidx.first_offset, 0]
  const problems: string[] = []
  for (const { referenced_size: size, subsegment_duration: duration, starts_with_SAP: sap } of sidx.references) {
    const first = samples.find((sample) => sample.offset >= offset && sample.offset < offset + size)
    if (!first || !first.isSync || sap !== 1) problems.push(`starts with a sync sample: ${id} at ${offset}`)
    if (first && Math.abs(first.decode - (samples[0]?.decode ?? 0) - time) > 0.001)
      problems.push(`index times: ${id} at ${offset}`)
    offset += size
    time += duration / sidx.timescale
  }
  const last = samples.at(-1)
  if (!last || last.offset + last.size > offset) problems.push(`index covers all: ${id}`)
  return problems
}

type Sidx = {
  start?: number
  size: number
  first_offset: number
  timescale: number
  references: { referenced_size: number; subsegment_duration: number; starts_with_SAP: number }[]
}

function checkSets(all: readonly Representation[]): string[] {
  const media = all.filter(({ attributes }) => attributes.mimeType !== 'text/vtt')
  const unaligned = media.filter(({ set }) => set.subsegmentAlignment !== 'true' || set.subsegmentStartsWithSAP !== '1')
  return unaligned.map(({ attributes }) => `aligned: ${attributes.id}`)
}
