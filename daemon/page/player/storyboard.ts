import type { Job } from '../../client/index.ts'
import type { JobOutput } from '../jobs/job.ts'
import type { Urls } from './urls.ts'

type Storyboard = { storyboard: JobOutput; storyboardImage: JobOutput | null; token: string | null }

/**
 * Finds the URL of a storyboard. It names its image by a path next to it. A track of the player cannot send a token, and a URL
 * of the bucket signs no image: then the text is rewritten to name the URL of the image.
 */
export async function findStoryboard(job: Job, board: Storyboard, urls: Urls): Promise<string | null> {
  const { storyboard, storyboardImage, token } = board
  const fileUrl = urls.toFileUrl(job, storyboard)
  if (fileUrl !== null && token === null) return fileUrl
  const source = fileUrl ?? (await urls.find(job, storyboard))
  const image = storyboardImage && (await urls.find(job, storyboardImage))
  if (source === null || image === null) return null
  const response = await fetch(source).catch(() => null)
  if (!response?.ok) return null
  const text = (await response.text()).replaceAll(/^\S+(?=#xywh=)/gm, () => image)
  return URL.createObjectURL(new Blob([text], { type: 'text/vtt' }))
}
