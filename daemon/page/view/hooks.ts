import { useEffect, useState } from 'preact/hooks'
import type { Store } from '../store.ts'

/** Reads a store, and renders again when it changes: once a frame at most, however often progress is reported. */
export function useStore<State>({ read, subscribe }: Store<State>): State {
  const [, render] = useState(0)
  useEffect(() => {
    let planned = 0
    const unsubscribe = subscribe(() => {
      planned ||= requestAnimationFrame(() => {
        planned = 0
        render((count) => count + 1)
      })
    })
    render((count) => count + 1) // it may have changed before the subscription
    return () => {
      cancelAnimationFrame(planned)
      unsubscribe()
    }
  }, [subscribe])
  return read()
}

/** Returns whether the browser has a connection to some network. */
export function useOnline(): boolean {
  const [isOnline, setOnline] = useState(navigator.onLine)
  useEffect(() => {
    const update = () => setOnline(navigator.onLine)
    addEventListener('online', update)
    addEventListener('offline', update)
    return () => {
      removeEventListener('online', update)
      removeEventListener('offline', update)
    }
  }, [])
  return isOnline
}
