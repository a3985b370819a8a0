import type { JSX } from 'preact'
import { useId } from 'preact/hooks'
import type { Item } from '../../jobs/items.ts'
import { toPresentation } from '../../jobs/job.ts'
import { renderAge } from '../../words.ts'
import { ItemActions } from './actions.tsx'
import { ItemDetails } from './details.tsx'
import type { Page } from '../page.ts'
import { Poster } from './poster.tsx'

type ItemCardProps = { item: Item; page: Page; isOpen: boolean; onToggle: () => void }

/** An upload or a job: what it is, how far it is, and what can be done with it. */
export function ItemCard({ item, page, isOpen, onToggle }: ItemCardProps): JSX.Element {
  const { job, status, title } = item
  const id = useId()
  const at = job?.timings.endedAt ?? job?.timings.startedAt
  return (
    <li class={`item ${status.tone}`} data-state={item.job?.state ?? item.upload?.state ?? 'queued'}>
      <article aria-labelledby={`${id}-title`}>
        <div class="item-row">
          <Poster job={job} presentation={job && toPresentation(job)} page={page} name={title} />
          <div class="item-text">
            <h3 id={`${id}-title`} class="item-title" title={title}>
              {title}
            </h3>
            <p class="item-status">
              <span>{status.text}</span>
              {at && status.tone !== 'active' && <span class="item-age"> · {renderAge(new Date(at), new Date())}</span>}
            </p>
          </div>
          <ItemActions {...{ item, page, isOpen, onToggle }} panel={`${id}-panel`} />
        </div>
        {status.isRunning && <Bar percent={status.percent} label={`Progress of ${title}`} text={status.text} />}
        {status.problem !== null && <p class="item-problem">{status.problem}</p>}
        {isOpen && job && (
          <div id={`${id}-panel`} class="item-panel">
            <ItemDetails job={job} page={page} title={title} />
          </div>
        )}
      </article>
    </li>
  )
}

type BarProps = { percent: number | null; label: string; text: string }

function Bar({ percent, label, text }: BarProps): JSX.Element {
  const value = percent === null ? {} : { 'aria-valuenow': percent }
  return (
    <div
      class={`bar ${percent === null ? 'indeterminate' : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuetext={text}
      {...value}
    >
      <span style={{ width: `${percent ?? 30}%` }} />
    </div>
  )
}
