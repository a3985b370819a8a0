import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { definePlugin, z } from 'mediad'
import { toMpd } from './mpd.ts'
import { isUniqueKey, NOT_UNIQUE, toRelativeUrl } from '../keys.ts'
import { readRenditions, SUBTITLES, toNames, type Rendition } from './rendition.ts'

/** Duration over which the bit rates are measured, in seconds. */
const MEASURED_SECONDS = 6

/** The only place of defaults, limits and descriptions; `npm run docs` writes the table of docs/streaming.md from it. */
export const dashOptions = z
  .object({
    /** Key of the manifest. */
    key: z
      .string()
      .default('hls_{name}/manifest.mpd')
      .meta({ values: 'ends in `.mpd`' })
      .describe('Key of the manifest. Each attempt replaces it, after everything that it names is uploaded.'),
    /** How long caches keep the manifest, in seconds. */
    maxAgeSeconds: z
      .int()
      .min(0)
      .max(86_400)
      .default(10)
      .describe('How long browsers and CDNs keep the manifest (`Cache-Control: max-age`).'),
  })
  .superRefine(({ key }, context) => {
    const addIssue = (message: string) => context.addIssue({ code: 'custom', path: ['key'], message })
    if (!key.endsWith('.mpd')) addIssue('must end in .mpd')
    if (!isUniqueKey(key)) addIssue(NOT_UNIQUE)
  })

/** Writes the manifest of DASH for the renditions of `transcode`. It encodes and copies nothing. */
export const dash = definePlugin('dash', dashOptions, ({ key, maxAgeSeconds }) => ({
  keys: [key],
  async run(context) {
    const renditions = await readRenditions(context.artifacts, MEASURED_SECONDS)
    if (renditions === null) return context.skip('the plugins before it made no renditions')
    const manifestKey = context.toKey({ key })
    const toRepresentation = ({ artifact, name, track, rates }: Rendition) => ({
      id: toId(name),
      uri: toRelativeUrl(manifestKey, artifact.key),
      track,
      rates,
    })
    const found = context.artifacts.filter(({ kind }) => kind === SUBTITLES)
    const names = toNames(found.map(({ key }) => key))
    const subtitles = found.map((artifact, n) => ({
      id: toId(names[n] ?? ''),
      uri: toRelativeUrl(manifestKey, artifact.key),
      language: artifact.media?.language,
      rate: Math.ceil((artifact.sizeBytes * 8) / renditions.endSeconds),
    }))
    const text = toMpd({
      videos: renditions.videos.map(toRepresentation),
      audios: renditions.audios.map(toRepresentation),
      subtitles,
    })
    const path = join(context.workspace, `dash-${randomUUID()}.mpd`)
    await writeFile(path, text)
    const cacheControl = `max-age=${maxAgeSeconds}`
    await context.add(path, 'manifest', { key, contentType: 'application/dash+xml', cacheControl })
  },
}))

/** Ids have no white space and no control characters, which keys can have. */
const toId = (name: string): string => encodeURIComponent(name)
