import type { Job } from '../../client/index.ts'

export type JobOutput = Job['outputs'][number]
export type JobMedia = NonNullable<Job['source']['media']>

export function isFinished({ state }: Job): boolean {
  return state === 'succeeded' || state === 'dead'
}

/** Returns the name of a source for people: its key without the folders, the source prefix and the random part. */
export function toTitle(key: string): string {
  const name = key.split('/').at(-1) ?? key
  const [, rest] = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-?(.+)$/.exec(name) ?? []
  if (rest === undefined) return name
  return rest.startsWith('.') ? `Untitled${rest}` : rest
}

/** How a job is shown: the frame that stands for it, and what can be played. */
export type Presentation = {
  readonly poster: JobOutput | null
  /** The multivariant playlist of an HLS presentation. */
  readonly playlist: JobOutput | null
  /** One file that browsers play, or show. */
  readonly file: JobOutput | null
  /** WebVTT with the frames that the time bar shows. */
  readonly storyboard: JobOutput | null
  /** The image whose parts are those frames. */
  readonly storyboardImage: JobOutput | null
}

export function toPresentation({ outputs }: Job): Presentation {
  const find = (fits: (output: JobOutput) => boolean) => outputs.find(fits) ?? null
  return {
    poster: find((output) => output.kind === 'thumbnail' && isImage(output)) ?? find(isImage),
    playlist: find(({ kind, contentType }) => kind === 'master' && /mpegurl/i.test(contentType)),
    file:
      find((output) => output.contentType.startsWith('video/') && isPlain(output)) ??
      find((output) => output.contentType.startsWith('audio/') && isPlain(output)) ??
      find((output) => isImage(output) && isPlain(output)) ??
      find(isImage),
    storyboard: find(({ kind, contentType }) => kind === 'storyboard' && contentType.startsWith('text/vtt')),
    storyboardImage: find(({ kind }) => kind === 'storyboard-image'),
  }
}

const isImage = ({ contentType }: JobOutput) => contentType.startsWith('image/')
const isPlain = ({ kind }: JobOutput) => !['rendition', 'storyboard-image', 'thumbnail'].includes(kind)
