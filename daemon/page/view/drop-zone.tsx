import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PageSettings } from '../../http/page/settings.ts'
import { renderBytes } from '../words.ts'
import { Icon } from './icons.tsx'

type DropZoneProps = { settings: PageSettings; isCompact: boolean; onFiles: (files: Iterable<File>) => void }

/** Where files are chosen. Files can be dropped anywhere on the page. */
export function DropZone({ settings, isCompact, onFiles }: DropZoneProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null)
  const isOver = useDrop(onFiles)
  return (
    <section class={`drop ${isCompact ? 'compact' : ''} ${isOver ? 'over' : ''}`} aria-labelledby="drop-title">
      <span class="drop-icon">
        <Icon name="upload" />
      </span>
      <div class="drop-text">
        <h2 id="drop-title">{isOver ? 'Drop to upload' : 'Drop video or audio files here'}</h2>
        <p class="hint">Several at once, up to {renderBytes(settings.maxUploadBytes)} each.</p>
      </div>
      <button type="button" class="button primary" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        accept={settings.accept.join(',')}
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])])
          currentTarget.value = '' // the same file can be chosen again
        }}
      />
    </section>
  )
}

/** Accepts files that are dropped on the page; returns whether some are held over it. */
function useDrop(onFiles: (files: Iterable<File>) => void): boolean {
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      setOver(true)
    }
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false)
    }
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      setOver(false)
      onFiles([...(event.dataTransfer?.files ?? [])])
    }
    addEventListener('dragover', over)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', over)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
    }
  }, [onFiles])
  return isOver
}
