import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { Item } from '../../jobs/items.ts'
import { toPresentation } from '../../jobs/job.ts'
import type { PageUpload } from '../../upload/upload.ts'
import { Icon, IconButton } from '../icons.tsx'
import type { Page } from '../page.ts'

type ItemActionsProps = {
  item: Item
  page: Page
  isOpen: boolean
  onToggle: () => void
  /** Id of the panel that the item opens. */
  panel: string
}

/** The buttons of an item. */
export function ItemActions({ item, page, isOpen, onToggle, panel }: ItemActionsProps): JSX.Element {
  const { upload, job, title } = item
  return (
    <div class="item-actions">
      {upload && <UploadActions upload={upload} page={page} />}
      {job && (
        <button
          type="button"
          class="button"
          aria-expanded={isOpen}
          aria-controls={isOpen ? panel : undefined}
          aria-label={`${toVerb(item, isOpen)} ${title}`}
          onClick={onToggle}
        >
          {toVerb(item, isOpen)}
          <Icon name="open" />
        </button>
      )}
    </div>
  )
}

function toVerb({ job }: Item, isOpen: boolean): string {
  if (isOpen) return 'Close'
  if (job === null || job.state === 'dead') return 'Details'
  const { playlist, file } = toPresentation(job)
  if (playlist === null && file === null) return 'Details'
  return playlist === null && file?.contentType.startsWith('image/') ? 'View' : 'Play'
}

function UploadActions({ upload, page }: { upload: PageUpload; page: Page }): JSX.Element | null {
  const { id, name, state } = upload
  if (state === 'sent') return null
  const { uploads } = page
  const isOver = state === 'cancelled'
  const label = isOver ? `Remove ${name} from the list` : `Cancel upload of ${name}`
  // each button keeps its place and its element when another one appears, or a click could hit the wrong one
  return (
    <>
      <FirstAction key="first" upload={upload} page={page} />
      <IconButton
        key="cancel"
        name="cancel"
        label={label}
        onClick={() => (isOver ? uploads.dismiss(id) : uploads.cancel(id))}
      />
    </>
  )
}

/** What an upload needs in its state, besides to be cancelled. */
function FirstAction({ upload, page: { uploads } }: { upload: PageUpload; page: Page }): JSX.Element | null {
  const { id, name, state } = upload
  switch (state) {
    case 'uploading':
      return <IconButton name="pause" label={`Pause upload of ${name}`} onClick={() => uploads.pauseOrResume(id)} />
    case 'paused':
      return <IconButton name="resume" label={`Resume upload of ${name}`} onClick={() => uploads.pauseOrResume(id)} />
    case 'failed':
      return <IconButton name="retry" label={`Try upload of ${name} again`} onClick={() => uploads.retry(id)} />
    case 'lost':
      return <ChooseAgain name={name} onFile={(file) => uploads.add([file])} />
    default:
      return null
  }
}

/** Lets the person choose the file of an upload that a reload interrupted. */
function ChooseAgain({ name, onFile }: { name: string; onFile: (file: File) => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button
        type="button"
        class="button"
        aria-label={`Choose file ${name} again`}
        onClick={() => input.current?.click()}
      >
        Choose file
        <Icon name="upload" />
      </button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={`File ${name}`}
        onChange={({ currentTarget }) => {
          const [file] = currentTarget.files ?? []
          if (file) onFile(file)
          currentTarget.value = ''
        }}
      />
    </>
  )
}
