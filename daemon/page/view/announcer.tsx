import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Item } from '../jobs/items.ts'

/** Tells screen readers when an item enters another state. Progress is not announced: the bars have it. */
export function Announcer({ items }: { items: readonly Item[] }): JSX.Element {
  const known = useRef<ReadonlyMap<string, string>>(new Map())
  const [text, setText] = useState('')
  useEffect(() => {
    const states = new Map(items.map((item) => [item.id, toState(item)]))
    const changed = items.filter(({ id }) => known.current.has(id) && known.current.get(id) !== states.get(id))
    known.current = states
    if (changed.length > 0) setText(changed.map(({ title, status }) => `${title}: ${status.text}`).join('. '))
  })
  return (
    <p class="visually-hidden" role="status">
      {text}
    </p>
  )
}

const toState = ({ upload, job }: Item) => job?.state ?? upload?.state ?? 'queued'
