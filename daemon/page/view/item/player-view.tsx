import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Job } from '../../../client/index.ts'
import { toPresentation, type JobOutput } from '../../jobs/job.ts'
import type { PlayerSource } from '../../player/player.ts'
import { findStoryboard } from '../../player/storyboard.ts'
import type { Page } from '../page.ts'
import { useUrl } from './poster.tsx'

type PlayerViewProps = { job: Job; page: Page; title: string }

/** Plays the result of a job, or shows it. The player is loaded when the first result is opened. */
export function PlayerView({ job, page, title }: PlayerViewProps): JSX.Element {
  const { file, playlist } = toPresentation(job)
  if (!page.settings.files && !page.settings.outputUrls)
    return (
      <p class="note">
        This server does not serve results: set <code>http.files: true</code> in its config to play them here.
      </p>
    )
  if (playlist === null && file?.contentType.startsWith('image/'))
    return <Still {...{ job, page, title }} output={file} />
  return <Player job={job} page={page} title={title} />
}

function Still({ job, page, title, output }: PlayerViewProps & { output: JobOutput }): JSX.Element | null {
  const url = useUrl(page, job, output)
  return url === null ? null : <img class="still" src={url} alt={title} />
}

function Player({ job, page, title }: PlayerViewProps): JSX.Element {
  const parent = useRef<HTMLDivElement>(null)
  const [problem, setProblem] = useState<string | null>(null)
  useEffect(() => {
    let end: (() => void) | null = null
    let isOpen = true
    const open = async () => {
      const source = await findSource(job, page, title)
      if (source === null) return setProblem('The result cannot be loaded from the storage.')
      const { mountPlayer } = await import('../../player/player.ts')
      if (!isOpen || !parent.current) return
      end = await mountPlayer(parent.current, source, setProblem)
      if (!isOpen) end()
    }
    open().catch(() => setProblem('The player cannot be loaded. Check the connection, and open the item again.'))
    return () => {
      isOpen = false
      end?.()
    }
  }, [job.id])
  return (
    <>
      <div ref={parent} class="player-frame" />
      {problem !== null && (
        <p class="note bad" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}

/** Finds what to play: a presentation if the endpoint serves its playlists, else one file. */
async function findSource(job: Job, { urls, session }: Page, title: string): Promise<PlayerSource | null> {
  const { file, playlist, poster, storyboard, storyboardImage } = toPresentation(job)
  const find = async (output: JobOutput | null) => (output === null ? null : await urls.find(job, output))
  const playlistUrl = playlist === null ? null : urls.toFileUrl(job, playlist)
  const url = playlistUrl ?? (file?.contentType.startsWith('image/') ? null : await find(file))
  if (url === null) return null
  const isAudio = playlistUrl === null ? file?.contentType.startsWith('audio/') : job.source.media?.width === undefined
  const { width, height } = (playlistUrl === null ? file?.media : undefined) ?? job.source.media ?? {}
  return {
    kind: playlistUrl !== null ? 'presentation' : isAudio ? 'audio' : 'video',
    url,
    title,
    poster: await find(poster),
    storyboard:
      storyboard && (await findStoryboard(job, { storyboard, storyboardImage, token: session.read().token }, urls)),
    aspectRatio: isAudio || !width || !height ? null : width / height,
    token: session.read().token,
  }
}
