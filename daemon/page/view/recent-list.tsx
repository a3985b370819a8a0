import type { ComponentChildren, JSX } from 'preact'
import type { JobsState, PageJobs } from '../jobs/jobs.ts'

type RecentListProps = Pick<JobsState, 'list' | 'cursor'> & {
  jobs: PageJobs
  isEmpty: boolean
  /** True if there are no uploads above. */
  isFirst: boolean
  children: ComponentChildren
}

/** The recent jobs, newest first. */
export function RecentList({ list, cursor, jobs, isEmpty, isFirst, children }: RecentListProps): JSX.Element | null {
  const problem = typeof list === 'object' ? list.problem : null
  if (isEmpty && list === 'ready' && !isFirst) return null
  return (
    <section aria-labelledby="recent-title" aria-busy={list === 'loading'}>
      <h2 id="recent-title">Recent</h2>
      {isEmpty && list === 'ready' && (
        <p class="empty">Nothing here yet. What you upload appears here, and plays when it is ready.</p>
      )}
      {isEmpty && list === 'loading' && <p class="empty">Loading…</p>}
      {!isEmpty && <ul class="items">{children}</ul>}
      {problem !== null && (
        <div class="note bad" role="alert">
          <p>The list cannot be loaded: {problem}</p>
          <button type="button" class="button" onClick={() => void jobs.load()}>
            Try again
          </button>
        </div>
      )}
      {cursor !== null && problem === null && (
        <button type="button" class="button more" disabled={list === 'loading'} onClick={() => void jobs.loadMore()}>
          Show more
        </button>
      )}
    </section>
  )
}
