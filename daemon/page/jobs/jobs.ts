import type { Client, Job } from '../../client/index.ts'
import { createStore, type Store } from '../store.ts'
import { createFollower } from './follow.ts'
import { isFinished } from './job.ts'

export type JobsState = {
  /** Jobs by the keys of their sources. */
  readonly jobs: ReadonlyMap<string, Job>
  /** Keys of the list, newest first. */
  readonly listed: readonly string[]
  /** The list: being read, read, or why it could not be. */
  readonly list: 'loading' | 'ready' | { readonly problem: string }
  /** Where the list continues; null at its end. */
  readonly cursor: string | null
  /** Keys of uploads of this tab whose jobs cannot be found. */
  readonly lost: ReadonlySet<string>
}

export type PageJobs = Store<JobsState> & {
  /** Reads the start of the list again. */
  load(): Promise<void>
  /** Reads on from the end of the list. */
  loadMore(): Promise<void>
  /** Shows an upload in the list, and follows its job. */
  follow(key: string): void
}

const PAGE_SIZE = 20
const PENDING = 'mediad.pending'

/**
 * Reads and follows jobs. Uploads of this tab are remembered until the endpoint lists them, a moment after a daemon has claimed
 * them, so that a reload does not lose them.
 */
export function createJobs(client: Client, storage: globalThis.Storage): PageJobs {
  const pending = new Set<string>(JSON.parse(storage.getItem(PENDING) ?? '[]') as string[])
  const store = createStore<JobsState>({
    jobs: new Map(),
    listed: [...pending].toReversed(),
    list: 'loading',
    cursor: null,
    lost: new Set(),
  })
  const savePending = () => storage.setItem(PENDING, JSON.stringify([...pending]))
  const settle = (key: string) => {
    if (pending.delete(key)) savePending()
  }
  const keep = (jobs: readonly Job[]) => {
    store.update({ jobs: new Map([...store.read().jobs, ...jobs.map((job) => [job.source.key, job] as const)]) })
  }
  const follower = createFollower({
    client,
    onJob: (job) => keep([job]),
    onLost(key) {
      settle(key)
      store.update({ lost: new Set([...store.read().lost, key]) })
    },
  })
  const read = async (cursor: string | null, known: readonly string[]) => {
    store.update({ list: 'loading' })
    try {
      const page = await client.jobs({ limit: PAGE_SIZE, ...(cursor !== null && { cursor }) })
      keep(page.jobs)
      const keys = page.jobs.map(({ source }) => source.key)
      for (const key of keys) settle(key)
      const listed = cursor === null ? [...known.filter((key) => !keys.includes(key)), ...keys] : [...known, ...keys]
      store.update({ list: 'ready', cursor: page.cursor, listed: [...new Set(listed)] })
      for (const job of page.jobs) if (!isFinished(job)) follower.follow(job.source.key)
    } catch (error) {
      store.update({ list: { problem: (error as Error).message } })
    }
  }
  return {
    ...store,
    load() {
      // access can have been refused for so long that following was given up
      for (const key of pending) follower.follow(key)
      return read(null, [...pending].toReversed())
    },
    loadMore: () => read(store.read().cursor, store.read().listed),
    follow(key) {
      pending.add(key)
      savePending()
      store.update({ listed: [key, ...store.read().listed.filter((other) => other !== key)] })
      follower.follow(key)
    },
  }
}
