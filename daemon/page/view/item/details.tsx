import type { ComponentChildren, JSX } from 'preact'
import type { Job } from '../../../client/index.ts'
import { toPresentation, type JobMedia, type JobOutput } from '../../jobs/job.ts'
import { renderBytes, renderCodec, renderDuration } from '../../words.ts'
import { Icon } from '../icons.tsx'
import type { Page } from '../page.ts'
import { PlayerView } from './player-view.tsx'
import { useUrl } from './poster.tsx'

type ItemDetailsProps = { job: Job; page: Page; title: string }

/** What an item shows when it is open: the result, and everything that is known about the job. */
export function ItemDetails({ job, page, title }: ItemDetailsProps): JSX.Element {
  const { source, error, warnings, timings, attempt } = job
  const { playlist, file } = toPresentation(job)
  const seconds = timings.plugins.reduce((sum, plugin) => sum + plugin.seconds, 0)
  return (
    <>
      {(playlist ?? file) && <PlayerView job={job} page={page} title={title} />}
      <dl class="facts">
        <Fact name="Source">{describeMedia(source.media, source.sizeBytes)}</Fact>
        {timings.startedAt && <Fact name="Started">{new Date(timings.startedAt).toLocaleString()}</Fact>}
        {timings.endedAt && <Fact name="Ended">{new Date(timings.endedAt).toLocaleString()}</Fact>}
        {seconds > 0 && <Fact name="Time of the plugins">{renderDuration(seconds)}</Fact>}
        {attempt > 1 && <Fact name="Attempt">{attempt}</Fact>}
        {error && (
          <Fact name="Error">
            <code>{error.code}</code>
            {error.plugin && ` in ${error.plugin}`}
          </Fact>
        )}
        <Fact name="Job">
          <code>{job.id}</code>
        </Fact>
        <Fact name="Key">
          <code>{source.key}</code>
        </Fact>
      </dl>
      {warnings.length > 0 && (
        <section class="details-part">
          <h4>Warnings</h4>
          <ul class="warnings">
            {warnings.map(({ plugin, message }) => (
              <li key={`${plugin} ${message}`}>{message}</li>
            ))}
          </ul>
        </section>
      )}
      <Outputs job={job} page={page} />
    </>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** A job can have hundreds of outputs. */
const MOST_OUTPUTS = 20

/** The playlists of a presentation are left out: they mean nothing to people. */
function Outputs({ job, page }: { job: Job; page: Page }): JSX.Element | null {
  const named = job.outputs.filter(({ kind }) => !/playlist/.test(kind))
  if (named.length === 0) return null
  const shown = named.slice(0, MOST_OUTPUTS)
  const rest = job.outputs.length - shown.length
  return (
    <section class="details-part">
      <h4>Files</h4>
      <ul class="outputs">
        {shown.map((output) => (
          <OutputLine key={output.key} job={job} output={output} page={page} />
        ))}
        {rest > 0 && <li class="hint">{rest === 1 ? 'and one more file' : `and ${rest} more files`}</li>}
      </ul>
    </section>
  )
}

function OutputLine({ job, output, page }: { job: Job; output: JobOutput; page: Page }): JSX.Element {
  const url = useUrl(page, job, output)
  const name = output.key.split('/').at(-1) ?? output.key
  return (
    <li>
      <span class="output-kind">{output.kind}</span>
      <span class="output-text">{describeMedia(output.media, output.sizeBytes)}</span>
      {url !== null && (
        <a class="icon-button" href={url} download={name} title={`Download ${name}`} aria-label={`Download ${name}`}>
          <Icon name="download" />
        </a>
      )}
    </li>
  )
}

/** Describes a file: `0:12 · 1920×1080 · H.264 + AAC · HDR · 12.4 MB`. */
function describeMedia(media: JobMedia | undefined, sizeBytes: number | undefined): string {
  const codecs = [media?.codec, media?.audioCodec].filter((codec) => codec !== undefined).map(renderCodec)
  const parts = [
    media?.durationSeconds === undefined ? '' : renderDuration(media.durationSeconds),
    media?.width === undefined ? '' : `${media.width}×${media.height}`,
    codecs.join(' + '),
    media?.framesPerSecond === undefined ? '' : `${Number(media.framesPerSecond.toFixed(2))} fps`,
    media?.hdr === true ? 'HDR' : '',
    sizeBytes === undefined ? '' : renderBytes(sizeBytes),
  ]
  return parts.filter((part) => part !== '').join(' · ') || 'not known yet'
}
