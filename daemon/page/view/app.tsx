import type { JSX } from 'preact'
import { useCallback, useState } from 'preact/hooks'
import { toItems, type Item } from '../jobs/items.ts'
import { Announcer } from './announcer.tsx'
import { DropZone } from './drop-zone.tsx'
import { useOnline, useStore } from './hooks.ts'
import { IconButton } from './icons.tsx'
import { ItemCard } from './item/card.tsx'
import type { Page } from './page.ts'
import { RecentList } from './recent-list.tsx'
import { TokenForm } from './token-form.tsx'

/** The page: where files are chosen, the uploads of this session, and the recent jobs. */
export function App({ page }: { page: Page }): JSX.Element {
  const { token, isRefused, isTokenRefused } = useStore(page.session)
  const { uploads, problems } = useStore(page.uploads)
  const { jobs, listed, list, cursor } = useStore(page.jobs)
  const isOnline = useOnline()
  const [open, setOpen] = useState<string | null>(null)
  const add = useCallback((files: Iterable<File>) => page.uploads.add(files), [page])
  const { own, recent } = toItems({ uploads, jobs, listed })
  const show = (item: Item) => (
    <ItemCard
      key={item.id}
      item={item}
      page={page}
      isOpen={open === item.id}
      onToggle={() => setOpen(open === item.id ? null : item.id)}
    />
  )
  const enter = (entered: string) => {
    page.session.enter(entered)
    page.uploads.retryAll()
    void page.jobs.load()
  }
  return (
    <>
      <Header isOnline={isOnline} onLeave={token === null ? null : () => page.session.leave()} />
      <main>
        {isRefused ? (
          <TokenForm isRefused={isTokenRefused} onToken={enter} />
        ) : (
          <DropZone settings={page.settings} isCompact={own.length + recent.length > 0} onFiles={add} />
        )}
        {problems.length > 0 && <Problems problems={problems} onDismiss={() => page.uploads.dismiss()} />}
        {own.length > 0 && (
          <section aria-labelledby="own-title">
            <h2 id="own-title">Uploads</h2>
            <ul class="items">{own.map(show)}</ul>
          </section>
        )}
        {!isRefused && (
          <RecentList {...{ list, cursor }} jobs={page.jobs} isEmpty={recent.length === 0} isFirst={own.length === 0}>
            {recent.map(show)}
          </RecentList>
        )}
      </main>
      <Announcer items={[...own, ...recent]} />
    </>
  )
}

function Header({ isOnline, onLeave }: { isOnline: boolean; onLeave: (() => void) | null }): JSX.Element {
  return (
    <header>
      <h1>
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M12 9.5v13l11-6.5z" />
        </svg>
        mediad
      </h1>
      {!isOnline && (
        <p class="pill" role="status">
          No connection. Uploads continue when it is back.
        </p>
      )}
      {onLeave && (
        <button type="button" class="button quiet" onClick={onLeave}>
          Forget token
        </button>
      )}
    </header>
  )
}

function Problems({ problems, onDismiss }: { problems: readonly string[]; onDismiss: () => void }): JSX.Element {
  return (
    <div class="note bad problems" role="alert">
      <ul>
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
      <IconButton name="cancel" label="Dismiss" onClick={onDismiss} />
    </div>
  )
}
