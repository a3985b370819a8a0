import type { Client, Job } from '../../client/index.ts'
import { isFinished } from './job.ts'

export type Follower = {
  /** Reports each change of a job until it has ended. A job that is followed already is not followed twice. */
  follow(key: string): void
}

const POLL_MS = 2_000
/** Failures in a row after which a job is given up: its source was deleted, or the access was withdrawn. */
const MOST_FAILURES = 20
/**
 * Browsers open six connections to a host without HTTP/2, for all tabs together, and a stream of events holds one for as
 * long as its job runs. So a few jobs have a stream, and the others are polled.
 */
const STREAMS = ['mediad-stream-1', 'mediad-stream-2'] as const

type FollowDeps = { client: Client; onJob: (job: Job) => void; onLost: (key: string) => void }

export function createFollower({ client, onJob, onLost }: FollowDeps): Follower {
  const followed = new Set<string>()
  const withStream = createStreamSlots()

  const stream = async (key: string): Promise<boolean> => {
    for await (const { job } of client.watch({ key })) onJob(job)
    return true
  }
  const poll = async (key: string): Promise<boolean> => {
    const job = await client.job({ key })
    if (job === null) throw new Error('there is no upload with this key')
    onJob(job)
    return isFinished(job)
  }
  const followToEnd = async (key: string): Promise<void> => {
    for (let failures = 0; failures < MOST_FAILURES; await pause(POLL_MS)) {
      try {
        const ended = (await withStream(() => stream(key))) ?? (await poll(key))
        if (ended) return
        failures = 0
      } catch {
        failures++ // the next attempt shows whether it was transient
      }
    }
    onLost(key)
  }
  return {
    follow(key) {
      if (followed.has(key)) return
      followed.add(key)
      void followToEnd(key).finally(() => followed.delete(key))
    },
  }
}

/** Runs a function while it holds one of the stream slots; returns undefined when none is free. */
type WithStream = <T>(run: () => Promise<T>) => Promise<T | undefined>

/** The slots are shared by all tabs. Only pages from this machine or over HTTPS have locks; others use one stream in each tab. */
function createStreamSlots(): WithStream {
  const { locks } = navigator as { locks?: LockManager }
  if (!locks) return createLocalSlot()
  return async <T>(run: () => Promise<T>) => {
    for (const name of STREAMS) {
      const result = await locks.request(name, { ifAvailable: true }, async (lock) =>
        lock ? { value: await run() } : null,
      )
      if (result) return result.value as T
    }
    return undefined
  }
}

function createLocalSlot(): WithStream {
  let isHeld = false
  return async (run) => {
    if (isHeld) return undefined
    isHeld = true
    try {
      return await run()
    } finally {
      isHeld = false
    }
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
