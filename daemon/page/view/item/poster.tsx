import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Job } from '../../../client/index.ts'
import type { JobOutput, Presentation } from '../../jobs/job.ts'
import { Icon } from '../icons.tsx'
import type { Page } from '../page.ts'

type PosterProps = { job: Job | null; presentation: Presentation | null; page: Page; name: string }

/** The frame that stands for a job, or an icon as long as there is none. It is decoration: the title is next to it. */
export function Poster({ job, presentation, page, name }: PosterProps): JSX.Element {
  const url = useUrl(page, job, presentation?.poster ?? null)
  const isAudio =
    presentation?.file?.contentType.startsWith('audio/') || /\.(?:mp3|m4a|aac|wav|flac|ogg|opus)$/i.test(name)
  return (
    <span class="poster">
      {url === null ? (
        <Icon name={isAudio ? 'audio' : 'video'} />
      ) : (
        <img src={url} alt="" loading="lazy" decoding="async" />
      )}
    </span>
  )
}

/** Finds the URL of an output; null until it is found, and when there is none. */
export function useUrl({ urls }: Page, job: Job | null, output: JobOutput | null): string | null {
  const [url, setUrl] = useState<string | null>(null)
  useEffect(() => {
    let isCurrent = true
    setUrl(null)
    if (job && output) void urls.find(job, output).then((found) => isCurrent && setUrl(found))
    return () => {
      isCurrent = false
    }
  }, [job?.id, output?.key, output?.etag])
  return url
}
