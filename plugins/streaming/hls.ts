import { readFile, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { definePlugin, z, type RunContext } from 'mediad'
import { isUniqueKey, NOT_UNIQUE, toRelativeUrl } from '../keys.ts'
import { toMaster, type Listed, type ListedSubtitles, type ListedVideo } from './master.ts'
import { toIFramePlaylist, toIFrames, toMediaPlaylist } from './playlist.ts'
import { IMMUTABLE, readRenditions, SUBTITLES, toNames, type Rendition, type Renditions } from './rendition.ts'
import { measureRates } from './segments.ts'
import { toSubtitleSegments } from './webvtt.ts'

const CONTENT_TYPE = 'application/vnd.apple.mpegurl'

/** The only place of defaults, limits and descriptions; `npm run docs` writes the table of docs/streaming.md from it. */
export const hlsOptions = z
  .object({
    /** Duration of a segment in seconds: one or more groups of frames. */
    segmentSeconds: z
      .number()
      .min(1)
      .max(10)
      .default(6)
      .meta({ unit: 'seconds' })
      .describe(
        'Duration of a segment, rounded to groups of frames (`keyframeSeconds` of `transcode`). Shorter segments start ' +
          'faster, longer ones need fewer requests. Apple recommends 6.',
      ),
    /** Key of the multivariant playlist. */
    key: z
      .string()
      .default('hls_{name}/master.m3u8')
      .meta({ values: 'ends in `.m3u8`' })
      .describe(
        'Key of the multivariant playlist. Each attempt replaces it, after everything that it names is uploaded.',
      ),
    /** Key of the playlists and WebVTT segments of the tracks. */
    trackKey: z
      .string()
      .default('hls_{name}/{version}/{track}')
      .meta({ values: 'a key with `{version}` and `{track}`' })
      .describe(
        'Key of the playlist of each track, without the extension. `{track}` is the name of its file. It needs `{version}`, ' +
          'because caches keep the object for a year.',
      ),
    /** How long caches keep the multivariant playlist, in seconds. */
    maxAgeSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(10)
      .describe('How long browsers and CDNs keep the multivariant playlist (`Cache-Control: max-age`).'),
  })
  .superRefine((given, context) => {
    const rules: [boolean, string, string][] = [
      [!given.key.endsWith('.m3u8'), 'key', 'must end in .m3u8'],
      [!isUniqueKey(given.key), 'key', NOT_UNIQUE],
      [
        !(given.trackKey.includes('{version}') && given.trackKey.includes('{track}') && isUniqueKey(given.trackKey)),
        'trackKey',
        'must contain {version}, {track}, and {name} or {id}',
      ],
    ]
    for (const [isWrong, path, message] of rules)
      if (isWrong) context.addIssue({ code: 'custom', path: [path], message })
  })

export type HlsOptions = z.output<typeof hlsOptions>

/** Writes the playlists of HLS for the renditions of `transcode`. It encodes and copies nothing. */
export const hls = definePlugin('hls', hlsOptions, (given) => ({
  keys: [`${given.trackKey}.m3u8`, `${given.trackKey}.vtt`, given.key],
  async run(context) {
    const renditions = await readRenditions(context.artifacts, given.segmentSeconds)
    if (renditions === null) return context.skip('the plugins before it made no renditions')
    const writer = createWriter(context, given)
    const videos: ListedVideo[] = []
    for (const video of renditions.videos) videos.push(await writer.writeVideo(video, renditions))
    const audios: Listed[] = []
    for (const audio of renditions.audios) audios.push(await writer.writeTrack(audio, renditions))
    const subtitles = await writer.writeSubtitles(renditions)
    await writer.writeMaster(toMaster({ videos, audios, subtitles }))
  },
}))

/** Writes playlists to the workspace and adds them, in the order in which they are uploaded. */
function createWriter(context: RunContext, { key, trackKey, maxAgeSeconds }: HlsOptions) {
  const masterKey = context.toKey({ key })
  const write = async (content: string | Buffer, extension: string): Promise<string> => {
    const path = join(context.workspace, `hls-${randomUUID()}.${extension}`)
    await writeFile(path, content)
    return path
  }
  /** Adds a file of a track. Returns its key. */
  const addFile = async (content: string | Buffer, track: string, extension: 'm3u8' | 'vtt'): Promise<string> => {
    const contentType = extension === 'vtt' ? 'text/vtt' : CONTENT_TYPE
    const options = { key: `${trackKey}.${extension}`, values: { track }, contentType, cacheControl: IMMUTABLE }
    const kind = extension === 'vtt' ? 'subtitle-segments' : 'playlist'
    return (await context.add(await write(content, extension), kind, options)).key
  }
  const keyOf = (track: string) => context.toKey({ key: `${trackKey}.m3u8`, values: { track } })
  const toUri = (playlist: string) => toRelativeUrl(masterKey, playlist)

  const writeTrack = async (
    { artifact, name, track, segments, rates }: Rendition,
    all: Renditions,
  ): Promise<Listed> => {
    const uri = toRelativeUrl(keyOf(name), artifact.key)
    const playlist = toMediaPlaylist({ uri, init: track.init, segments, targetSeconds: all.targetSeconds })
    return { track, rates, uri: toUri(await addFile(playlist, name, 'm3u8')) }
  }
  return {
    writeTrack,
    async writeVideo(video: Rendition, all: Renditions): Promise<ListedVideo> {
      const { artifact, track } = video
      const name = `${video.name}-iframes`
      const { targetSeconds } = all
      const playlist = toIFramePlaylist(track, { uri: toRelativeUrl(keyOf(name), artifact.key), targetSeconds })
      const uri = toUri(await addFile(playlist, name, 'm3u8'))
      const rates = measureRates(toIFrames(track), targetSeconds)
      return { ...(await writeTrack(video, all)), iFrames: { uri, rates } }
    },
    async writeSubtitles({ boundaries, endSeconds, targetSeconds }: Renditions): Promise<ListedSubtitles[]> {
      const listed: ListedSubtitles[] = []
      const found = context.artifacts.filter(({ kind }) => kind === SUBTITLES)
      const names = toNames(found.map(({ key }) => key))
      for (const [n, artifact] of found.entries()) {
        const text = await readFile(artifact.path, 'utf8')
        const { content, segments } = toSubtitleSegments(text, boundaries, endSeconds)
        const name = `${names[n]}-segments`
        const uri = toRelativeUrl(keyOf(name), await addFile(content, name, 'vtt'))
        const playlist = toMediaPlaylist({ uri, segments, targetSeconds })
        listed.push({ uri: toUri(await addFile(playlist, name, 'm3u8')), language: artifact.media?.language })
      }
      return listed
    },
    async writeMaster(text: string): Promise<void> {
      const cacheControl = `max-age=${maxAgeSeconds}`
      await context.add(await write(text, 'm3u8'), 'master', { key, contentType: CONTENT_TYPE, cacheControl })
    },
  }
}
