import type { Job } from '../../client/index.ts'
import type { JobOutput } from '../jobs/job.ts'
import { base } from '../requests.ts'
import type { Urls } from './urls.ts'

type Storyboard = { storyboard: JobOutput; storyboardImage: JobOutput | null }

/**
 * Finds the URL of a storyboard. It names its image by a path next to it, which a URL of the bucket does not sign; then the
 * text is rewritten to name the URL of the image.
 */
export async function findStoryboard(job: Job, board: Storyboard, urls: Urls): Promise<string | null> {
  const url = await urls.find(job, board.storyboard)
  if (url === null || url.startsWith(`${base}/`)) return url
  const image = board.storyboardImage && (await urls.find(job, board.storyboardImage))
  const response = image === null ? null : await fetch(urls.toFileUrl(job, board.storyboard) ?? url).catch(() => null)
  if (!response?.ok) return null
  const text = (await response.text()).replaceAll(/^\S+(?=#xywh=)/gm, () => image ?? '')
  return URL.createObjectURL(new Blob([text], { type: 'text/vtt' }))
}
