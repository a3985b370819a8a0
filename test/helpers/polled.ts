import type { Message, ReceiveOptions } from '../../daemon/queue/queue.ts'
import { createFakeQueues, message, turn } from './fakes.ts'

/** Creates a queue with long polls like SQS's. `secondMs` is the length of its second. */
export function createPolledQueue({ secondMs }: { secondMs: number }) {
  const calls: string[] = []
  const requests: ReceiveOptions[] = []
  const waiting: Message[] = []
  const failures: Error[] = []
  const state = { open: 0, mostOpen: 0 }
  let arrived = Promise.withResolvers<void>()
  const base = createFakeQueues(calls).work
  return {
    ...base,
    requests,
    state,
    failures,
    add(...bodies: string[]) {
      for (const body of bodies) waiting.push({ ...message(body), id: body })
      arrived.resolve()
      arrived = Promise.withResolvers()
    },
    async receive(options: ReceiveOptions): Promise<Message[]> {
      requests.push(options)
      state.mostOpen = Math.max(state.mostOpen, ++state.open)
      try {
        await turn()
        const failure = failures.shift()
        if (failure) throw failure
        if (waiting.length === 0) {
          const timeout = Promise.withResolvers<void>()
          const timer = setTimeout(timeout.resolve, options.waitSeconds * secondMs)
          await Promise.race([arrived.promise, timeout.promise])
          clearTimeout(timer)
        }
        return waiting.splice(0, options.max)
      } finally {
        state.open--
      }
    },
  }
}

/** Creates a message handler whose runs end when the test calls `finish`. */
export function createHandler() {
  const open = new Map<string, () => void>()
  const handled: string[] = []
  let most = 0
  return {
    open,
    handled,
    most: () => most,
    finish: (body: string) => open.get(body)?.(),
    handle({ body }: Message) {
      handled.push(body)
      const { promise, resolve } = Promise.withResolvers<void>()
      open.set(body, () => {
        open.delete(body)
        resolve()
      })
      most = Math.max(most, open.size)
      return promise
    },
  }
}
