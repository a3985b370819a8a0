/** The rules of HLS that the presentations keep: those of RFC 8216bis and of Apple's HLS Authoring Specification. */
import type hlsParser from 'hls-parser'
import {
  readMaster,
  readMedia,
  readPlaylist,
  resolveUrl,
  type Files,
  type Media,
  type Playlist,
  type Sample,
  type Segment,
} from './read.ts'

/** Largest difference between a duration in a playlist and that of the media, in seconds. */
const EXACT = 0.001

type Loaded = { readonly playlist: Playlist; readonly media: Media }
type Variant = hlsParser.types.Variant
type Rendition = hlsParser.types.Rendition

/** Returns all violations of a presentation, each with the name of the rule. */
export function validateHls(files: Files, key: string): string[] {
  try {
    return validate(files, key)
  } catch (error) {
    return [`readable: ${error instanceof Error ? error.message : String(error)}`]
  }
}

function validate(files: Files, key: string): string[] {
  const master = readMaster(files, key)
  const uris = master.variants.flatMap((one) => [one.uri, ...toRenditions(one).map(({ uri = '' }) => uri)])
  const missing = [...new Set(uris)].filter((uri) => !files.has(resolveUrl(key, uri)))
  if (missing.length > 0) return missing.map((uri) => `exists: ${uri}`)
  const lists = [...new Set(uris)].map((uri) => readPlaylist(files, resolveUrl(key, uri)))
  const absent = lists.filter(({ file }) => file === null || !files.has(file))
  if (absent.length > 0) return absent.map((one) => `exists: the media of ${one.key}`)
  const find = (uri = '') => lists.find((one) => one.key === resolveUrl(key, uri))
  const load = (uri?: string): Loaded[] => {
    const playlist = find(uri)
    const bytes = playlist?.file ? files.get(playlist.file) : undefined
    return playlist && bytes && playlist.init ? [{ playlist, media: readMedia(bytes) }] : []
  }
  const videos = master.variants.filter((one) => !one.isIFrameOnly)
  const loaded = videos.flatMap(({ uri }) => load(uri))
  const audios = videos.flatMap(({ audio }) => audio).flatMap(({ uri }) => load(uri))
  return [
    ...(master.independentSegments && (master.version ?? 1) >= 6 ? [] : ['master: version and independent segments']),
    ...checkTargets(lists),
    ...lists.flatMap((list) => checkPlaylist(list, files)),
    ...[...loaded, ...audios].flatMap(checkSegments),
    ...checkAlignment(loaded, audios),
    ...videos.flatMap((one) =>
      // without video, a variant is one of the tracks of its group
      checkVariant(one, {
        media: load(one.uri),
        audio: one.audio.filter(({ uri }) => uri !== one.uri && one.resolution).flatMap(({ uri }) => load(uri)),
      }),
    ),
    ...master.variants.filter(({ isIFrameOnly }) => isIFrameOnly).flatMap((one) => load(one.uri).flatMap(checkIFrames)),
    ...checkGroups(videos),
    ...checkSteps(videos),
    ...videos.flatMap(({ subtitles }) => subtitles).flatMap(({ uri }) => checkSubtitles(find(uri), files)),
  ]
}

const toRenditions = ({ audio, subtitles }: Variant): Rendition[] => [...audio, ...subtitles]

function checkTargets(lists: readonly Playlist[]): string[] {
  const targets = new Set(lists.map(({ targetSeconds }) => targetSeconds))
  return targets.size === 1 ? [] : [`target duration: ${[...targets].join(', ')}`]
}

function checkPlaylist(list: Playlist, files: Files): string[] {
  const { key, version, isComplete, isIFrame, segments, targetSeconds, init, file } = list
  const text = files.get(key)?.toString() ?? ''
  const size = files.get(file ?? '')?.length ?? 0
  const isText = file?.endsWith('.vtt') === true
  return [
    ...(isComplete && text.trimEnd().endsWith('#EXT-X-ENDLIST') ? [] : [`ENDLIST: ${key}`]),
    ...(version >= (isIFrame ? 5 : 6) ? [] : [`version: ${key}`]),
    ...(isText || init !== null ? [] : [`MAP: ${key}`]),
    ...(segments.every(({ seconds }) => Math.round(seconds) <= targetSeconds) ? [] : [`EXTINF above target: ${key}`]),
    ...(segments.every(({ offset, size: bytes }) => offset >= 0 && bytes > 0 && offset + bytes <= size)
      ? []
      : [`byte ranges: ${key}`]),
  ]
}

/** Returns the samples that lie within a segment, by their place in the file. */
function within(samples: readonly Sample[], { offset, size }: Segment): Sample[] {
  const sorted = byOffset(samples)
  const found: Sample[] = []
  for (let n = findFrom(sorted, offset); n < sorted.length; n++) {
    const sample = sorted[n]
    if (sample === undefined || sample.offset + sample.size > offset + size) break
    found.push(sample)
  }
  return found
}

/** Samples in the order of their places; kept, because a file of an hour has hundreds of thousands. */
const sortedSamples = new WeakMap<readonly Sample[], readonly Sample[]>()

function byOffset(samples: readonly Sample[]): readonly Sample[] {
  const known = sortedSamples.get(samples)
  if (known) return known
  const sorted = samples.toSorted((a, b) => a.offset - b.offset)
  sortedSamples.set(samples, sorted)
  return sorted
}

/** Returns the index of the first sample at `offset` or after it, by a binary search. */
function findFrom(sorted: readonly Sample[], offset: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle]?.offset ?? Infinity) < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** Segments begin with a sync sample, follow each other in bytes and in time, and last as long as their samples. */
function checkSegments({ playlist: { key, segments }, media: { samples, fragments } }: Loaded): string[] {
  const problems: string[] = []
  for (const [n, segment] of segments.entries()) {
    const own = within(samples, segment)
    const [first, last] = [own[0], own.at(-1)]
    if (!first || !last) return [`empty segment: ${key} ${n}`]
    if (!first.isSync) problems.push(`sync sample: ${key} ${n}`)
    const seconds = last.decode + last.seconds - first.decode
    if (Math.abs(seconds - segment.seconds) > EXACT)
      problems.push(`EXTINF: ${key} ${n}: ${segment.seconds} for ${seconds}`)
    const next = segments[n + 1]
    if (next && next.offset !== segment.offset + segment.size) problems.push(`contiguous bytes: ${key} ${n}`)
  }
  const covered = segments.reduce((sum, one) => sum + within(samples, one).length, 0)
  if (covered !== samples.length) problems.push(`all samples: ${key}: ${covered} of ${samples.length}`)
  // mp4box adds up the durations of samples instead of reading the time of each fragment
  const wrong = fragments.find(({ decode, offset }) => {
    const sorted = byOffset(samples)
    const first = sorted[findFrom(sorted, offset + 1)]
    return !(Math.abs((first?.decode ?? Number.NaN) - decode) < 1e-6)
  })
  if (wrong) problems.push(`contiguous times: ${key}: a fragment at ${wrong.decode}`)
  const gap = samples.findIndex((sample, n) => n > 0 && Math.abs(sample.decode - toEnd(samples[n - 1])) > 1e-6)
  if (gap > 0) problems.push(`contiguous times: ${key} at ${samples[gap]?.decode}`)
  return problems
}

const toEnd = (sample: Sample | undefined): number => (sample ? sample.decode + sample.seconds : 0)

/** All videos have the same boundaries, start and duration; audio differs by less than the duration of a segment boundary. */
function checkAlignment(videos: readonly Loaded[], audios: readonly Loaded[]): string[] {
  const [reference] = videos
  if (!reference) return []
  const problems: string[] = []
  const expected = toStarts(reference)
  const frame = reference.media.samples.at(-1)?.seconds ?? 0
  for (const one of videos.slice(1)) {
    const starts = toStarts(one)
    const isAligned =
      starts.length === expected.length && starts.every((start, n) => Math.abs(start - (expected[n] ?? 0)) < 0.005)
    if (!isAligned) problems.push(`aligned boundaries: ${one.playlist.key}`)
    if (Math.abs(toPresentationStart(one) - toPresentationStart(reference)) > EXACT)
      problems.push(`equal starts: ${one.playlist.key}`)
    if (Math.abs(toSeconds(one) - toSeconds(reference)) > frame) problems.push(`equal durations: ${one.playlist.key}`)
  }
  for (const one of audios) {
    const starts = toStarts(one)
    const isNear = starts.every((start, n) => expected[n] === undefined || Math.abs(start - expected[n]) < 1.1)
    if (!isNear) problems.push(`aligned boundaries: ${one.playlist.key}`)
    if (Math.abs(toPresentationStart(one) - toPresentationStart(reference)) > 0.06)
      problems.push(`equal starts: ${one.playlist.key}`)
  }
  return problems
}

const toStarts = ({ playlist, media }: Loaded): number[] =>
  playlist.segments.map((segment) => within(media.samples, segment)[0]?.decode ?? -1)
const toPresentationStart = ({ media }: Loaded): number =>
  media.samples.reduce((first, { presentation }) => Math.min(first, presentation), Infinity)
const toSeconds = ({ media: { samples } }: Loaded): number => toEnd(samples.at(-1)) - (samples[0]?.decode ?? 0)

/** Codecs, size, frame rate and bit rates of a variant are those of its media. */
function checkVariant(variant: Variant, { media: [own], audio }: { media: Loaded[]; audio: Loaded[] }): string[] {
  if (!own) return [`MAP: ${variant.uri}`]
  const { codecs = '', resolution, bandwidth, averageBandwidth = 0, frameRate } = variant
  const expected = [...new Set([own, ...audio].map(({ media }) => media.codec))].map((one) => one.toLowerCase())
  const listed = codecs.split(',').map((one) => one.trim().toLowerCase())
  const { width, height, samples } = own.media
  const measured = measure(own, audio)
  const rate = samples.length / toSeconds(own)
  return [
    ...(expected.toSorted().join() === listed.toSorted().join() ? [] : [`CODECS: ${codecs} for ${expected.join(',')}`]),
    ...(resolution?.width === width && resolution?.height === height ? [] : [`RESOLUTION: ${variant.uri}`]),
    ...(width === undefined || Math.abs((frameRate ?? 0) - rate) <= 0.05 * rate
      ? []
      : [`FRAME-RATE: ${frameRate} for ${rate}`]),
    ...(isNear(bandwidth, measured.peak) ? [] : [`BANDWIDTH: ${bandwidth} for ${measured.peak}`]),
    ...(isNear(averageBandwidth, measured.average)
      ? []
      : [`AVERAGE-BANDWIDTH: ${averageBandwidth} for ${measured.average}`]),
    ...(bandwidth <= 2 * averageBandwidth ? [] : [`peak: ${bandwidth} for an average of ${averageBandwidth}`]),
  ]
}

const isNear = (declared: number, measured: number): boolean => Math.abs(declared - measured) <= 0.1 * measured

/** Measures bit rates: of each single segment but a short last one, and of the file. */
function measure(own: Loaded, audio: readonly Loaded[]): { peak: number; average: number } {
  const rates = [own, ...audio].map(({ playlist: { segments, targetSeconds } }) => {
    const long = segments.filter(({ seconds }) => seconds >= targetSeconds / 2)
    const used = long.length > 0 ? long : segments
    const total = segments.reduce((sum, { size }) => sum + size * 8, 0)
    const seconds = segments.reduce((sum, one) => sum + one.seconds, 0)
    return { peak: Math.max(...used.map((one) => (one.size * 8) / one.seconds)), average: total / seconds }
  })
  const [first = { peak: 0, average: 0 }, ...others] = rates
  return {
    peak: first.peak + Math.max(0, ...others.map(({ peak }) => peak)),
    average: first.average + Math.max(0, ...others.map(({ average }) => average)),
  }
}

/** Each range of an I-frame playlist ends with the first sample of a fragment, which is a sync sample. */
function checkIFrames({ playlist: { key, segments, isIFrame }, media: { samples } }: Loaded): string[] {
  const problems = isIFrame ? [] : [`I-FRAMES-ONLY: ${key}`]
  const sync = samples.filter(({ isSync }) => isSync)
  if (sync.length !== segments.length) problems.push(`I-frames: ${key}: ${segments.length} of ${sync.length}`)
  for (const [n, segment] of segments.entries()) {
    const frame = sync[n]
    const isComplete =
      frame && segment.offset < frame.offset && segment.offset + segment.size === frame.offset + frame.size
    if (!isComplete) problems.push(`I-frame range: ${key} ${n}`)
    const next = sync[n + 1]
    if (frame && next && Math.abs(next.decode - frame.decode - segment.seconds) > EXACT)
      problems.push(`EXTINF: ${key} ${n}`)
  }
  return problems
}

function checkGroups(variants: readonly Variant[]): string[] {
  const problems: string[] = []
  for (const { audio, subtitles, uri } of variants) {
    for (const group of [audio, subtitles]) {
      const names = new Set(group.map(({ name }) => name))
      if (names.size !== group.length) problems.push(`unique names: ${uri}`)
    }
    if (audio.length > 0 && audio.filter(({ isDefault }) => isDefault).length !== 1)
      problems.push(`one DEFAULT: ${uri}`)
    if (audio.some(({ autoselect, channels }) => !autoselect || !channels))
      problems.push(`AUTOSELECT and CHANNELS: ${uri}`)
  }
  return problems
}

/** Variants of one codec differ enough in bit rate, and have one aspect ratio. */
function checkSteps(variants: readonly Variant[]): string[] {
  const byCodec = Object.values(Object.groupBy(variants, ({ codecs = '' }) => codecs.slice(0, 4)))
  return byCodec.flatMap((group = []) => {
    const sorted = group.toSorted((a, b) => a.bandwidth - b.bandwidth)
    const close = sorted.filter((one, n) => n > 0 && one.bandwidth < 1.2 * (sorted[n - 1]?.bandwidth ?? 0))
    const aspects = sorted.map(({ resolution }) => (resolution ? resolution.width / resolution.height : 1))
    const isSame = Math.max(...aspects) <= 1.02 * Math.min(...aspects)
    return close.map(({ uri }) => `rung ratio: ${uri}`).concat(isSame ? [] : ['aspect ratio'])
  })
}

function checkSubtitles(list: Playlist | undefined, files: Files): string[] {
  const bytes = files.get(list?.file ?? '')
  if (!list || !bytes) return ['subtitles: missing']
  return list.segments.flatMap(({ offset, size }, n) => {
    const text = bytes.toString('utf8', offset, offset + size)
    return text.startsWith('WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n')
      ? []
      : [`timestamp map: ${list.key} ${n}`]
  })
}
