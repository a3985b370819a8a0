import { createStore, type Store } from './store.ts'

const NAME = 'mediad.token'

export type SessionState = {
  /** The token that requests carry; null without one. */
  readonly token: string | null
  /** True while the endpoint refuses requests of this page. */
  readonly isRefused: boolean
  /** True if the endpoint refused a token, and not the lack of one. */
  readonly isTokenRefused: boolean
}

/** The access of this tab. It ends with the tab. */
export type Session = Store<SessionState> & {
  /** Reports that the endpoint responded 401 to a request with this token. */
  reject(token: string | null): void
  enter(token: string): void
  leave(): void
}

export function createSession(storage: globalThis.Storage): Session {
  const token = storage.getItem(NAME)
  const store = createStore<SessionState>({ token, isRefused: false, isTokenRefused: false })
  return {
    ...store,
    reject(rejected) {
      // a late response to an earlier token says nothing about the present one
      if (rejected === store.read().token) store.update({ isRefused: true, isTokenRefused: rejected !== null })
    },
    enter(token) {
      storage.setItem(NAME, token)
      store.update({ token, isRefused: false, isTokenRefused: false })
    },
    leave() {
      storage.removeItem(NAME)
      store.update({ token: null, isRefused: true, isTokenRefused: false })
    },
  }
}
